import type { PlaceAnswer, PlaceMessage } from "../connect/place-messages.ts";
import { RemotePlaces } from "../connect/remote-places.ts";
import type { Channel } from "./ipc.ts";
import type { PlaceLedger, WorkerPlaces } from "./place-ledger.ts";

/** The supervisor's end: a worker asks, the ledger answers. */
export function serveLedger(ledger: PlaceLedger, channel: Channel): WorkerPlaces {
  const places = ledger.worker((answers) => channel.send({ placeAnswers: answers }));
  channel.onMessage((message) => {
    if (isFor(message, "placeMessages")) places.receive(message.placeMessages as readonly PlaceMessage[]);
  });
  return places;
}

/** The worker's end. */
export function askLedger(channel: Channel): RemotePlaces {
  const places = new RemotePlaces((messages) => channel.send({ placeMessages: messages }));
  channel.onMessage((message) => {
    if (isFor(message, "placeAnswers")) places.receive(message.placeAnswers as readonly PlaceAnswer[]);
  });
  return places;
}

/** Both ends are the same program: what has the name is of its type. */
function isFor<Name extends string>(message: unknown, name: Name): message is Record<Name, unknown> {
  return typeof message === "object" && message !== null && name in message;
}
