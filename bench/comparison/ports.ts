/** Whether ports as a row writes them (`TCP 443-8999,9001`) hold this one. */
export function hasPort(ports: string, port: number): boolean {
  return ports
    .replace(/^TCP /, "")
    .split(",")
    .some((range) => {
      const [low = 0, high = low] = range.split("-").map(Number);
      return low <= port && port <= high;
    });
}
