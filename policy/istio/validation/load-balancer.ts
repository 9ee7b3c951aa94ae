import { checkDecodableDuration, checkDuration } from "./duration.ts";
import { checkLocalities } from "./locality.ts";
import { at, entries, isSet, items, type Node, num, text, texts } from "./node.ts";
import type { Report } from "./report.ts";

const TOPOLOGY_LABELS = [
  "topology.kubernetes.io/region",
  "topology.kubernetes.io/zone",
  "topology.istio.io/subzone",
];
const MAGLEV_LIMIT = 5_000_011;

/** Checks a `loadBalancer`; locality failover needs outlier detection to notice that a locality has failed. */
export function checkLoadBalancer(balancer: Node, hasOutlierDetection: boolean, report: Report): void {
  if (!isSet(balancer)) return;
  checkConsistentHash(at(balancer, "consistentHash"), report);
  const locality = at(balancer, "localityLbSetting");
  const zoneAware = at(balancer, "zoneAwareLbSetting");
  if (isSet(locality) && isSet(zoneAware))
    report.error(balancer, "only one of localityLbSetting and zoneAwareLbSetting may be set");
  if (isSet(locality)) checkLocality(locality, hasOutlierDetection, report);
  if (isSet(zoneAware)) checkZoneAware(zoneAware, hasOutlierDetection, report);
  checkWarmup(at(balancer, "warmup"), report);
  checkDecodableDuration(at(balancer, "warmupDurationSecs"), report);
}

function checkConsistentHash(hash: Node, report: Report): void {
  const cookie = at(hash, "httpCookie");
  if (isSet(cookie)) {
    if (text(at(cookie, "name")) === "") report.error(at(cookie, "name"), "is required");
    checkDecodableDuration(at(cookie, "ttl"), report);
    const names = new Set<string>();
    for (const attribute of items(at(cookie, "attributes"))) {
      const name = at(attribute, "name");
      if (text(name) === "") report.error(name, "must not be empty");
      else if (names.has(text(name))) report.error(name, `${JSON.stringify(text(name))} is set twice`);
      names.add(text(name));
    }
  }
  const ringSize = at(hash, "minimumRingSize");
  const maglev = at(hash, "maglev");
  if (num(ringSize) !== 0) {
    report.warn(ringSize, "is deprecated; use ringHash");
    if (isSet(maglev) || isSet(at(hash, "ringHash")))
      report.error(ringSize, "cannot be combined with maglev or ringHash");
  }
  if (isSet(maglev)) {
    const size = num(at(maglev, "tableSize"));
    if (size === 0) report.error(at(maglev, "tableSize"), "must be set");
    if (size >= MAGLEV_LIMIT) report.error(at(maglev, "tableSize"), `must be less than ${MAGLEV_LIMIT}`);
    if (!isPrime(size)) report.error(at(maglev, "tableSize"), "must be a prime number");
  }
}

/** Envoy's own test, which takes 1 for a prime. */
function isPrime(value: number): boolean {
  if (value !== 0 && value < 4) return true;
  if (value % 2 === 0) return false;
  const limit = Math.floor(Math.sqrt(value));
  for (let factor = 3; factor <= limit; factor += 2) if (value % factor === 0) return false;
  return true;
}

function checkLocality(locality: Node, hasOutlierDetection: boolean, report: Report): void {
  const distribute = items(at(locality, "distribute"));
  const failover = items(at(locality, "failover"));
  const priority = at(locality, "failoverPriority");
  if (distribute.length > 0 && failover.length > 0) {
    report.error(locality, "only one of distribute and failover may be set");
    return;
  }
  if (failover.length > 0) {
    const bad = items(priority).find((label) => TOPOLOGY_LABELS.includes(text(label)));
    if (bad !== undefined) report.error(bad, `${text(bad)} may not be a priority beside failover`);
  }
  for (const entry of distribute) checkDistribution(entry, report);
  report.check(
    at(locality, "distribute"),
    checkLocalities(distribute.map((entry) => text(at(entry, "from")))),
  );
  checkFailover(locality, hasOutlierDetection, report);
}

function checkDistribution(entry: Node, report: Report): void {
  const shares = entries(at(entry, "to"));
  for (const [, share] of shares)
    if (num(share) <= 0 || num(share) > 100) report.error(share, "must be between 1 and 100");
  const total = shares.reduce((sum, [, share]) => sum + num(share), 0);
  if (total !== 100) report.error(at(entry, "to"), `the shares add up to ${total}, not to 100`);
  report.check(at(entry, "to"), checkLocalities(shares.map(([to]) => to).sort(byBreadth)));
}

/**
 * Wildcards first, short ones before long ones. Istio takes the entries of this map in a random order and misses an
 * overlap when the wildcard comes last: it refuses such an object at times. Here it is refused always.
 */
function byBreadth(a: string, b: string): number {
  return Number(b.endsWith("*")) - Number(a.endsWith("*")) || a.length - b.length;
}

function checkZoneAware(zoneAware: Node, hasOutlierDetection: boolean, report: Report): void {
  for (const label of items(at(zoneAware, "failoverPriority"))) {
    if (TOPOLOGY_LABELS.includes(text(label)))
      report.error(label, `${text(label)} is handled automatically; remove it`);
  }
  checkFailover(zoneAware, hasOutlierDetection, report);
}

function checkFailover(setting: Node, hasOutlierDetection: boolean, report: Report): void {
  const failover = items(at(setting, "failover"));
  if ((failover.length > 0 || texts(at(setting, "failoverPriority")).length > 0) && !hasOutlierDetection) {
    report.warn(
      setting,
      "failover needs outlierDetection: without it no locality is ever found to have failed",
    );
  }
  for (const entry of failover) {
    const regions = [text(at(entry, "from")), text(at(entry, "to"))];
    if (regions[0] === regions[1]) report.error(entry, "must name two different regions");
    if (regions.some((region) => region.includes("/")))
      report.error(entry, "must name regions only, without zones");
    if (regions.some((region) => region.includes("*"))) report.error(entry, "must not use a wildcard");
  }
}

function checkWarmup(warmup: Node, report: Report): void {
  if (!isSet(warmup)) return;
  if (isSet(at(warmup, "duration"))) checkDuration(at(warmup, "duration"), report);
  else report.error(at(warmup, "duration"), "is required");
  if (num(at(warmup, "minimumPercent")) > 100)
    report.error(at(warmup, "minimumPercent"), "must be 100 at most");
  const aggression = at(warmup, "aggression");
  if (isSet(aggression) && num(aggression) <= 0) report.error(aggression, "must be greater than 0");
}
