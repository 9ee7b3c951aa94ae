import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { dashboardFile, rulesFile } from "../dashboards/files.ts";
import { type AlertOptions, ruleGroups } from "../dashboards/rules.ts";

/** Arguments of {@link AccessDashboards}. */
export interface AccessDashboardsArgs {
  /** Where the objects go: a namespace that Grafana's sidecar and Prometheus look into. */
  readonly namespace: pulumi.Input<string>;
  /**
   * Labels by which Grafana's sidecar finds dashboards.
   * @default { grafana_dashboard: "1" }
   */
  readonly dashboardLabels?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Grafana's folder, by the sidecar's annotation `grafana_folder`. @default none */
  readonly folder?: pulumi.Input<string>;
  /**
   * How alerts are given to Prometheus: as a PrometheusRule of its operator, as a ConfigMap with `portreeve-rules.yaml`, or not.
   * @default prometheusRule
   */
  readonly alerts?: "prometheusRule" | "configMap" | "none";
  /** Labels by which Prometheus selects rules, such as `release: kube-prometheus-stack`. @default none */
  readonly alertLabels?: Readonly<Record<string, pulumi.Input<string>>>;
  /** When alerts fire. */
  readonly thresholds?: AlertOptions;
}

/**
 * The Grafana dashboard and the Prometheus alerts of the proxy. Needs neither policies nor a proxy in the same program.
 *
 * @example
 * new AccessDashboards("access", { namespace: "monitoring", alertLabels: { release: "kube-prometheus-stack" } });
 */
export class AccessDashboards extends pulumi.ComponentResource {
  constructor(name: string, args: AccessDashboardsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("portreeve:index:AccessDashboards", name, {}, opts);
    const { namespace, folder, alerts = "prometheusRule", alertLabels = {}, thresholds = {} } = args;
    const own = { "app.kubernetes.io/managed-by": "portreeve" };
    const parent = { parent: this };
    new k8s.core.v1.ConfigMap(
      `${name}-dashboard`,
      {
        metadata: {
          name: `${name}-dashboard`,
          namespace,
          labels: { ...(args.dashboardLabels ?? { grafana_dashboard: "1" }), ...own },
          ...(folder !== undefined && { annotations: { grafana_folder: folder } }),
        },
        data: { "portreeve-access.json": dashboardFile() },
      },
      parent,
    );
    const metadata = { name: `${name}-alerts`, namespace, labels: { ...alertLabels, ...own } };
    switch (alerts) {
      case "prometheusRule":
        new k8s.apiextensions.CustomResource(
          `${name}-alerts`,
          {
            apiVersion: "monitoring.coreos.com/v1",
            kind: "PrometheusRule",
            metadata,
            spec: ruleGroups(thresholds),
          },
          parent,
        );
        break;
      case "configMap":
        new k8s.core.v1.ConfigMap(
          `${name}-alerts`,
          { metadata, data: { "portreeve-rules.yaml": rulesFile(thresholds) } },
          parent,
        );
        break;
      case "none":
        break;
    }
    this.registerOutputs({});
  }
}
