import type { ProxyAudit, ProxyAuditSink } from "../../policy/compile/proxy/config.ts";
import { FileSink } from "./file-sink.ts";
import { OtlpSink } from "./otlp-sink.ts";
import type { Sink } from "./sink.ts";
import { StdoutSink } from "./stdout-sink.ts";

/** Where records go. @param worker index among the processes of one proxy; a file gets it as a suffix */
export function openSinks(audit: ProxyAudit, worker: number | undefined): Sink[] {
  return audit.sinks.map((sink) => sinkOf(sink, worker));
}

function sinkOf(sink: ProxyAuditSink, worker: number | undefined): Sink {
  switch (sink.type) {
    case "stdout":
      return new StdoutSink(worker !== undefined);
    case "file":
      return new FileSink(worker === undefined ? sink : { ...sink, path: `${sink.path}.worker-${worker}` });
    case "otlp":
      return new OtlpSink(sink.endpoint);
  }
}
