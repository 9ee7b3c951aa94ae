/** Serves a stand-in provider to the Pulumi engine, over the engine's own gRPC protocol. */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import * as grpc from "@grpc/grpc-js";
import type * as Messages from "@pulumi/pulumi/proto/provider_pb.js";
import { type Difference, differences, pathText } from "./diff.ts";
import type { Resource, StandIn } from "./provider.ts";
import { fromStruct, type Props, toStruct } from "./values.ts";

const require = createRequire(import.meta.url);
const messages =
  require("@pulumi/pulumi/proto/provider_pb.js") as typeof import("@pulumi/pulumi/proto/provider_pb.js");
const services =
  require("@pulumi/pulumi/proto/provider_grpc_pb.js") as typeof import("@pulumi/pulumi/proto/provider_grpc_pb.js");
const { PluginInfo } =
  require("@pulumi/pulumi/proto/plugin_pb.js") as typeof import("@pulumi/pulumi/proto/plugin_pb.js");
const { Empty } =
  require("google-protobuf/google/protobuf/empty_pb.js") as typeof import("google-protobuf/google/protobuf/empty_pb.js");

const DEFAULT_TIMEOUT_S = 120;

interface Named {
  getUrn(): string;
}

/** `urn:pulumi:stack::project::parent$type::name` */
function resourceOf(request: Named): Resource {
  const urn = request.getUrn();
  const [, , types = "", ...name] = urn.split("::");
  return { urn, type: types.split("$").at(-1) ?? "", name: name.join("::") };
}

/** A handler that answers with a message or an error, without ever ending the process. */
function handler<Q, A>(standIn: StandIn, answer: (request: Q) => A | Promise<A>): grpc.handleUnaryCall<Q, A> {
  return (call, callback) => {
    Promise.resolve()
      .then(() => answer(call.request))
      .then(
        (value) => callback(null, value),
        (error: unknown) => {
          const text = error instanceof Error ? error.message : String(error);
          callback({
            code: grpc.status.UNKNOWN,
            details: `${text} [test stand-in for the ${standIn.name} provider]`,
          });
        },
      );
  };
}

function diffKind(difference: Difference, replaces: boolean): Messages.PropertyDiff.Kind {
  const { Kind } = messages.PropertyDiff;
  switch (difference.kind) {
    case "add":
      return replaces ? Kind.ADD_REPLACE : Kind.ADD;
    case "delete":
      return replaces ? Kind.DELETE_REPLACE : Kind.DELETE;
    case "update":
      return replaces ? Kind.UPDATE_REPLACE : Kind.UPDATE;
  }
}

function diffAnswer(standIn: StandIn, resource: Resource, now: Props, old: Props): Messages.DiffResponse {
  const answer = new messages.DiffResponse();
  const found = differences(old, now);
  const { DiffChanges } = messages.DiffResponse;
  answer.setChanges(found.length > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE);
  answer.setHasdetaileddiff(true);
  for (const difference of found) {
    const replaces = standIn.replaces(resource, difference, old);
    const detail = new messages.PropertyDiff();
    detail.setKind(diffKind(difference, replaces));
    detail.setInputdiff(true);
    answer.getDetaileddiffMap().set(pathText(difference.path), detail);
    const top = String(difference.path[0]);
    if (!answer.getDiffsList().includes(top)) answer.addDiffs(top);
    if (replaces && !answer.getReplacesList().includes(top)) answer.addReplaces(top);
  }
  answer.setDeletebeforereplace(
    answer.getReplacesList().length > 0 && standIn.deleteFirst(resource, now, old),
  );
  return answer;
}

/** Just enough for a program in YAML to configure the provider. Resources are for the typed languages' own packages. */
function schemaOf(standIn: StandIn): unknown {
  return {
    name: standIn.name,
    version: standIn.version,
    description: `Test stand-in for the ${standIn.name} provider; not the real one.`,
    provider: {
      inputProperties: Object.fromEntries(standIn.settings.map((name) => [name, { type: "string" }])),
    },
  };
}

/** Starts serving and prints the port, as the engine expects of a plugin. */
export function serve(standIn: StandIn): void {
  const on = <Q, A>(answer: (request: Q) => A | Promise<A>) => handler(standIn, answer);
  const implementation: grpc.UntypedServiceImplementation = {
    getPluginInfo: on(() => new PluginInfo().setVersion(standIn.version)),
    attach: on(() => new Empty()),
    cancel: on(() => new Empty()),
    getSchema: on(() => new messages.GetSchemaResponse().setSchema(JSON.stringify(schemaOf(standIn)))),
    checkConfig: on((q: Messages.CheckRequest) => new messages.CheckResponse().setInputs(q.getNews())),
    diffConfig: on((q: Messages.DiffRequest) => {
      const changed =
        differences(fromStruct(q.getOldInputs() ?? q.getOlds()), fromStruct(q.getNews())).length > 0;
      const { DiffChanges } = messages.DiffResponse;
      return new messages.DiffResponse().setChanges(changed ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE);
    }),
    configure: on((q: Messages.ConfigureRequest) => {
      standIn.configure(fromStruct(q.getArgs()));
      // Secrets are left to the engine: it passes plain values and marks the same outputs as secret again.
      return new messages.ConfigureResponse().setSupportspreview(true);
    }),
    check: on(async (q: Messages.CheckRequest) => {
      const seed = createHash("sha256")
        .update(q.getRandomseed_asU8())
        .update(q.getUrn())
        .digest("hex")
        .slice(0, 8);
      const inputs = await standIn.check(
        resourceOf(q),
        fromStruct(q.getNews()),
        fromStruct(q.getOlds()),
        seed,
      );
      return new messages.CheckResponse().setInputs(toStruct(inputs));
    }),
    diff: on((q: Messages.DiffRequest) =>
      diffAnswer(
        standIn,
        resourceOf(q),
        fromStruct(q.getNews()),
        fromStruct(q.getOldInputs() ?? q.getOlds()),
      ),
    ),
    create: on(async (q: Messages.CreateRequest) => {
      const [resource, inputs] = [resourceOf(q), fromStruct(q.getProperties())];
      if (q.getPreview()) {
        const outputs = await standIn.previewCreate(resource, inputs);
        return new messages.CreateResponse().setProperties(toStruct(outputs));
      }
      const { id, outputs } = await standIn.create(resource, inputs);
      return new messages.CreateResponse().setId(id).setProperties(toStruct(outputs));
    }),
    update: on(async (q: Messages.UpdateRequest) => {
      const act = q.getPreview() ? standIn.previewUpdate : standIn.update;
      const outputs = await act.call(
        standIn,
        resourceOf(q),
        q.getId(),
        fromStruct(q.getNews()),
        fromStruct(q.getOlds()),
      );
      return new messages.UpdateResponse().setProperties(toStruct(outputs));
    }),
    read: on(async (q: Messages.ReadRequest) => {
      const now = await standIn.read(
        resourceOf(q),
        q.getId(),
        fromStruct(q.getProperties()),
        fromStruct(q.getInputs()),
      );
      const answer = new messages.ReadResponse();
      if (now === undefined) return answer;
      return answer.setId(q.getId()).setProperties(toStruct(now.outputs)).setInputs(toStruct(now.inputs));
    }),
    delete: on(async (q: Messages.DeleteRequest) => {
      const timeout = q.getTimeout() || DEFAULT_TIMEOUT_S;
      await standIn.delete(resourceOf(q), q.getId(), fromStruct(q.getProperties()), timeout);
      return new Empty();
    }),
    invoke: on(async (q: Messages.InvokeRequest) =>
      new messages.InvokeResponse().setReturn(
        toStruct(await standIn.invoke(q.getTok(), fromStruct(q.getArgs()))),
      ),
    ),
  };
  const server = new grpc.Server({
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  server.addService(services.ResourceProviderService, implementation);
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    process.stdout.write(`${port}\n`);
  });
}
