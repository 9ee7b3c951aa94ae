export const STANDARDS = ["soc2", "pci", "none"] as const;
export type Standard = (typeof STANDARDS)[number];

/** Part of the report, and what of a standard it is evidence for. */
export interface Control {
  readonly id: string;
  readonly asks: string;
  readonly part: "could" | "did" | "denied" | "dormant" | "waivers" | "integrity";
}

/**
 * Which part of the report helps with which control. Evidence for an assessor, who decides; no statement that a control is met.
 * Numbers are those of the AICPA Trust Services Criteria (2017, points of focus 2022) and of PCI DSS 4.0.1.
 */
export function controlsOf(standard: Standard): readonly Control[] {
  switch (standard) {
    case "soc2":
      return [
        { id: "CC6.1", asks: "logical access to protected assets is restricted", part: "could" },
        { id: "CC6.2", asks: "access that is no longer needed is withdrawn", part: "dormant" },
        { id: "CC6.3", asks: "access follows roles, least privilege and approved changes", part: "could" },
        { id: "CC6.6", asks: "access from outside of the boundary is protected against", part: "denied" },
        { id: "CC7.2", asks: "anomalies are watched for", part: "denied" },
        { id: "CC7.3", asks: "events can be evaluated afterwards", part: "did" },
        { id: "CC3.2", asks: "risks that were accepted are known, with an owner", part: "waivers" },
        { id: "CC4.1", asks: "the evidence itself is monitored", part: "integrity" },
      ];
    case "pci":
      return [
        {
          id: "1.2.5, 1.2.6",
          asks: "services, protocols and ports that are allowed are known and have a reason",
          part: "could",
        },
        { id: "7.2.1, 7.2.2", asks: "access is assigned by job and least privilege", part: "could" },
        {
          id: "7.2.4, 7.2.5.1",
          asks: "access of users and of applications is reviewed, and removed where not needed",
          part: "dormant",
        },
        { id: "10.2.1.1", asks: "individual access is logged", part: "did" },
        { id: "10.2.1.4", asks: "invalid attempts are logged", part: "denied" },
        {
          id: "10.2.2",
          asks: "a log entry has who, what, when, whether it succeeded, from where and what it touched",
          part: "did",
        },
        {
          id: "10.3.2, 10.3.4",
          asks: "logs are protected from change, and a change is noticed",
          part: "integrity",
        },
        { id: "12.3", asks: "accepted risks are documented and end", part: "waivers" },
      ];
    case "none":
      return [];
  }
}
