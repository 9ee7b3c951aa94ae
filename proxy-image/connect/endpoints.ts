import type { ProxyService } from "../../policy/compile/proxy/config.ts";

/** One place where a service is found, and how it has been doing. */
export interface Endpoint {
  readonly host: string;
  /** Fixed by the endpoint; undefined: the port's `targetPort`. */
  readonly port: number | undefined;
  /** Live connections and dials under way. */
  active: number;
  /** Failed dials in a row. */
  failures: number;
  /** Times set aside in a row. */
  ejections: number;
  /** Set aside until then, monotonic milliseconds. */
  ejectedUntil: number;
}

type OutlierBounds = ProxyService["outlier"];

/** Chooses where to connect: the endpoint with the fewest connections that is not set aside. */
export class EndpointPool {
  #endpoints: Endpoint[] = [];
  #bounds: OutlierBounds;
  #turn = 0;

  constructor(service: ProxyService) {
    this.#bounds = service.outlier;
    this.update(service);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Takes a new configuration; an endpoint that stays keeps its state. */
  update(service: ProxyService): void {
    this.#bounds = service.outlier;
    this.#endpoints = service.endpoints.map(
      ({ host, port }) =>
        this.#endpoints.find((known) => known.host === host && known.port === port) ?? {
          host,
          port,
          active: 0,
          failures: 0,
          ejections: 0,
          ejectedUntil: 0,
        },
    );
  }

  /**
   * @param tried endpoints that this connection has tried already
   * @param now monotonic milliseconds
   */
  pick(tried: ReadonlySet<Endpoint>, now: number): Endpoint | undefined {
    let best: Endpoint | undefined;
    const count = this.#endpoints.length;
    // Ties are broken in turn; otherwise an idle pool would send everything to its first endpoint.
    this.#turn = (this.#turn + 1) % Math.max(count, 1);
    for (let index = 0; index < count; index++) {
      const endpoint = this.#endpoints[(index + this.#turn) % count];
      if (!endpoint || tried.has(endpoint)) continue;
      if (best === undefined || better(endpoint, best, now)) best = endpoint;
    }
    return best;
  }

  succeeded(endpoint: Endpoint): void {
    endpoint.failures = 0;
    endpoint.ejections = 0;
    endpoint.ejectedUntil = 0;
  }

  failed(endpoint: Endpoint, now: number): void {
    endpoint.failures += 1;
    if (endpoint.failures < this.#bounds.consecutiveFailures || now < endpoint.ejectedUntil) return;
    const aside = this.#endpoints.filter((other) => now < other.ejectedUntil).length;
    if ((aside + 1) * 100 > this.#bounds.maxEjectedPercent * this.#endpoints.length) return;
    const time = Math.min(this.#bounds.baseEjection * 2 ** endpoint.ejections, this.#bounds.maxEjection);
    endpoint.ejections = Math.min(endpoint.ejections + 1, 30);
    endpoint.ejectedUntil = now + time;
  }
}

/** One that is set aside is a last resort: better a guess that it has recovered than a certain refusal. */
function better(a: Endpoint, b: Endpoint, now: number): boolean {
  const asideA = now < a.ejectedUntil;
  const asideB = now < b.ejectedUntil;
  return asideA === asideB ? a.active < b.active : asideB;
}
