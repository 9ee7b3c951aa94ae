/** A policy set that two targets would judge, or serve, differently; and what compiling says about it. */
export interface Divergence {
  /** File name without `.yaml`. */
  readonly name: string;
  readonly rule: string;
  readonly severity: "error" | "warning";
  /** Both outcomes, in the words of the finding. */
  readonly outcomes: readonly [RegExp, RegExp];
}

/**
 * Every place that is known where Istio's targets differ from each other, from the proxy or from the policy. `error`: the
 * difference is in who gets through, or in a limit that somebody asked for, and nothing is deployed.
 */
export const DIVERGENCES: readonly Divergence[] = [
  {
    name: "ports-with-one-target-port",
    rule: "PR450",
    severity: "error",
    outcomes: [/sidecar and ztunnel see only 8080/, /the proxy tells them apart/],
  },
  {
    name: "services-on-the-same-pods",
    rule: "PR451",
    severity: "error",
    outcomes: [/sidecar and ztunnel judge pods and ports/, /the proxy tells them apart/],
  },
  {
    name: "source-address-across-networks",
    rule: "PR452",
    severity: "error",
    outcomes: [/is seen with its own/, /east-west gateway's/],
  },
  {
    name: "plaintext-without-waiver",
    rule: "PR501",
    severity: "error",
    outcomes: [/asks for plaintext/, /the mesh refuses it/],
  },
  {
    name: "gateway-in-ambient",
    rule: "PR550",
    severity: "error",
    outcomes: [/a sidecar is routed to it and denied there/, /ztunnel .* would connect to the host directly/],
  },
  {
    name: "tls-inside-the-protocol-at-gateway",
    rule: "PR552",
    severity: "error",
    outcomes: [/the proxy asks the server to start TLS/, /a gateway sends its TLS hello at once/],
  },
  {
    name: "own-certificate-at-gateway",
    rule: "PR553",
    severity: "error",
    outcomes: [/the proxy would present its own SVID/, /a gateway has no certificate/],
  },
  {
    name: "limits-in-ambient",
    rule: "PR554",
    severity: "error",
    outcomes: [/a sidecar enforces them/, /ztunnel .* does not/],
  },
  {
    name: "outlier-detection-in-ambient",
    rule: "PR555",
    severity: "error",
    outcomes: [/a sidecar leaves a failing endpoint alone/, /ztunnel .* keeps sending/],
  },
  {
    name: "server-name-in-ambient",
    rule: "PR557",
    severity: "warning",
    outcomes: [/a sidecar refuses any other name/, /ztunnel .* passes every name on/],
  },
  {
    name: "ca-and-credential-at-gateway",
    rule: "PR558",
    severity: "error",
    outcomes: [/the proxy reads the file/, /a gateway takes the CA from the credential's Secret/],
  },
  {
    name: "tls-originated-to-the-mesh",
    rule: "PR560",
    severity: "error",
    outcomes: [/a sidecar that originates TLS/, /ztunnel would not originate it/],
  },
  {
    name: "dns-capture-in-old-ambient",
    rule: "PR566",
    severity: "error",
    outcomes: [/no address in ambient/, /a sidecar's DNS capture hands one out/],
  },
  {
    name: "two-plaintext-exceptions-on-the-same-pods",
    rule: "PR563",
    severity: "error",
    outcomes: [/both accept plaintext/, /refuses plaintext on the other's ports/],
  },
];
