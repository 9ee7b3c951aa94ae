import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Direction } from "./relay.ts";
import type { Stream } from "./runtime/stream.ts";

/** A sink that takes as many bytes at a time as it is told, like a kernel buffer that fills. */
class Sink implements Stream {
  readonly got: number[] = [];
  room = 0;
  closed = false;
  write(data: Uint8Array): number {
    const taken = Math.min(this.room, data.length);
    this.got.push(...data.subarray(0, taken));
    this.room -= taken;
    return taken;
  }
  pause(): void {}
  resume(): void {}
  shutdown(): void {
    this.closed = true;
  }
  end(): void {}
  terminate(): void {}
  setNoDelay(): void {}
  setKeepAlive(): void {}
}

class Source extends Sink {
  paused = false;
  override pause(): void {
    this.paused = true;
  }
  override resume(): void {
    this.paused = false;
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant("push" as const), size: fc.integer({ min: 0, max: 50 }) }),
  fc.record({ kind: fc.constant("room" as const), size: fc.integer({ min: 0, max: 80 }) }),
);

describe("one direction", () => {
  test("delivers every byte in order, and the end after them, however the sink drains", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(40), (steps, connectAt) => {
        const direction = new Direction(64);
        const source = new Source();
        const sink = new Sink();
        direction.source = source;
        let next = 0;
        const sent: number[] = [];
        for (const [index, { kind, size }] of steps.entries()) {
          if (index === connectAt) direction.sink = sink;
          if (kind === "room") {
            sink.room = size;
            direction.flush();
          } else if (!source.paused) {
            const data = Uint8Array.from({ length: size }, () => next++ % 251);
            sent.push(...data);
            direction.push(data);
          }
          // The bound, and one chunk beyond it, is all that is ever held.
          expect(direction.heldBytes).toBeLessThanOrEqual(64 + 50);
          expect(sent.slice(0, sink.got.length)).toEqual(sink.got);
          expect(direction.bytes).toBe(sink.got.length);
        }
        direction.end();
        if (steps.length <= connectAt) direction.sink = sink;
        sink.room = Number.POSITIVE_INFINITY;
        direction.flush();
        expect(sink.got).toEqual(sent);
        expect(sink.closed).toBe(true);
        expect(source.paused).toBe(false);
      }),
    );
  });

  test("does not tell the sink of the end before its last byte was taken", () => {
    const direction = new Direction(64);
    const sink = new Sink();
    direction.sink = sink;
    sink.room = 1;
    direction.push(Uint8Array.of(1, 2, 3));
    direction.end();
    expect(sink.closed).toBe(false);
    sink.room = 2;
    direction.flush();
    expect(sink.closed).toBe(true);
  });

  test("holds what a closed sink refuses, and does not count it", () => {
    const direction = new Direction(64);
    const sink = new Sink();
    sink.write = () => -1;
    direction.sink = sink;
    direction.push(Uint8Array.of(1, 2, 3));
    expect(direction.bytes).toBe(0);
    expect(direction.heldBytes).toBe(3);
  });
});
