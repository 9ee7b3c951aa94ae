/** What `pulumi-resource-kubernetes` on the tests' PATH runs. */
import { serve } from "../provider/serve.ts";
import { KubernetesStandIn } from "./provider.ts";

serve(new KubernetesStandIn());
