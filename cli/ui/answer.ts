/** A proxy as the page shows it. */
export interface ProxyRow {
  readonly admin: string;
  readonly connections: number;
  readonly digest: string;
  readonly problem: string;
}

/** A table as the page shows it: text alone, so that nothing else can get there. */
export interface TableAnswer {
  readonly total: number;
  readonly matching: number;
  readonly problems: readonly string[];
  readonly rows: readonly { readonly id: string; readonly cells: readonly string[] }[];
}

export interface LiveAnswer extends TableAnswer {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly proxies: readonly ProxyRow[];
}
