import { host, name, port, trustDomain, workloadId } from "../../policy/schema/primitives.ts";
import { PROTOCOLS } from "../../policy/schema/service.ts";
import { CliError } from "../exit.ts";

/** What the starter is made from; all of it text, as it is typed. */
export interface Answers {
  readonly trustDomain: string;
  readonly cluster: string;
  readonly dataPlane: string;
  readonly istioVersion: string;
  readonly service: string;
  readonly host: string;
  readonly protocol: string;
  readonly port: string;
  readonly workload: string;
  readonly owner: string;
}

/** One thing to know: its flag, the question of it, and what is wrong with an answer. */
export interface Question {
  readonly key: keyof Answers;
  readonly flag: string;
  readonly ask: string;
  /** Taken when nothing is said; it may follow from what was said before. */
  readonly usual: (before: Partial<Answers>) => string;
  readonly problem: (answer: string) => string | undefined;
  readonly choices?: readonly string[];
}

const DATA_PLANES = ["sidecar", "ambient"] as const;

/** The port that a protocol is known by. */
const PORTS: Readonly<Record<string, string>> = {
  tls: "443",
  postgres: "5432",
  mysql: "3306",
  redis: "6379",
  mongo: "27017",
  kafka: "9092",
  amqp: "5672",
  mqtt: "1883",
  nats: "4222",
  grpc: "50051",
};

/** In the order in which they are asked. */
export const QUESTIONS: readonly Question[] = [
  {
    key: "trustDomain",
    flag: "--trust-domain <domain>",
    ask: "SPIFFE trust domain of the mesh (meshConfig.trustDomain)",
    usual: () => "cluster.local",
    problem: (answer) => by(trustDomain, answer),
  },
  {
    key: "cluster",
    flag: "--cluster <name>",
    ask: "Name of the cluster",
    usual: () => "main",
    problem: (answer) => by(name, answer),
  },
  {
    key: "dataPlane",
    flag: "--data-plane <plane>",
    ask: "Istio's data plane there",
    usual: () => "sidecar",
    problem: (answer) => oneOf(DATA_PLANES, answer),
    choices: DATA_PLANES,
  },
  {
    key: "istioVersion",
    flag: "--istio-version <version>",
    ask: "Istio's version there",
    usual: () => "1.31",
    problem: (answer) =>
      /^1\.\d{1,3}(\.\d{1,3})?$/.test(answer) ? undefined : "write a version such as 1.31",
  },
  {
    key: "service",
    flag: "--service <name>",
    ask: "A first TCP service outside the mesh, by a name of your own",
    usual: () => "orders-db",
    // It becomes the name of a Kubernetes Service (RFC 1035).
    problem: (answer) => by(name, answer) ?? (/^[a-z]/.test(answer) ? undefined : "start with a letter"),
  },
  {
    key: "host",
    flag: "--host <host>",
    ask: "Its DNS name",
    usual: ({ service }) => `${service}.example.com`,
    problem: (answer) => by(host, answer) ?? (answer.startsWith("*") ? "name one host" : undefined),
  },
  {
    key: "protocol",
    flag: "--protocol <protocol>",
    ask: "Its protocol",
    usual: () => "postgres",
    problem: (answer) => oneOf(PROTOCOLS, answer),
    choices: PROTOCOLS,
  },
  {
    key: "port",
    flag: "--port <port>",
    ask: "Its port",
    usual: ({ protocol = "" }) => PORTS[protocol] ?? "9000",
    problem: (answer) => (/^\d{1,5}$/.test(answer) ? by(port, Number(answer)) : "write a port such as 5432"),
  },
  {
    key: "workload",
    flag: "--workload <namespace/name>",
    ask: "A first workload that may use it, namespace/service-account",
    usual: () => "shop/api",
    problem: (answer) => by(workloadId, answer),
  },
  {
    key: "owner",
    flag: "--owner <team>",
    ask: "Who answers for this access",
    usual: () => "platform",
    problem: (answer) => (/^[^\s][^\r\n]{0,62}$/.test(answer) ? undefined : "name a team or a person"),
  },
];

/** Asks a question of a person; resolves with what was typed, empty for the usual answer. */
export type Ask = (question: string) => Promise<string>;

/**
 * All answers: given by flag, else asked for where there is somebody to ask, else the usual ones.
 *
 * @throws CliError for a flag with a value that cannot be; a typed one is asked for again, after saying why
 */
export async function collect(
  given: Partial<Answers>,
  ask: Ask | undefined,
  tell: (text: string) => void,
): Promise<Answers> {
  for (const { key, flag, problem } of QUESTIONS) {
    const value = given[key];
    const wrong = value === undefined ? undefined : problem(value);
    if (wrong !== undefined) throw new CliError(`init: ${flag.split(" ")[0]} "${value}": ${wrong}`);
  }
  const answers: Partial<Record<keyof Answers, string>> = {};
  for (const question of QUESTIONS) {
    const said = given[question.key] ?? (ask ? await answer(question, answers, ask, tell) : undefined);
    answers[question.key] = said ?? question.usual(answers);
  }
  return answers as Answers;
}

async function answer(
  question: Question,
  before: Partial<Answers>,
  ask: Ask,
  tell: (text: string) => void,
): Promise<string> {
  const usual = question.usual(before);
  const choices = question.choices ? ` (${question.choices.join(", ")})` : "";
  for (;;) {
    const typed = (await ask(`${question.ask}${choices} [${usual}]: `)).trim() || usual;
    const wrong = question.problem(typed);
    if (wrong === undefined) return typed;
    tell(`  ${wrong}\n`);
  }
}

interface Checker {
  safeParse(value: unknown): {
    readonly success: boolean;
    readonly error?: { readonly issues: readonly { readonly message: string }[] };
  };
}

function by(schema: Checker, value: unknown): string | undefined {
  const { success, error } = schema.safeParse(value);
  return success ? undefined : (error?.issues[0]?.message ?? "cannot be used");
}

function oneOf(choices: readonly string[], value: string): string | undefined {
  return choices.includes(value) ? undefined : `choose one of ${choices.join(", ")}`;
}
