/** Whether the name in a report is this workload, or a range (`external:FROM-TO`) that holds this address. */
export function covers(name: string, side: string): boolean {
  if (!name.startsWith("external:")) return name === side;
  if (side.includes("/")) return false;
  const [low = "", high = ""] = name.slice("external:".length).split("-");
  return order(low) <= order(side) && order(side) <= order(high);
}

function order(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
