/** What `pulumi-resource-aws` on the tests' PATH runs. */
import { serve } from "../provider/serve.ts";
import { AwsStandIn } from "./provider.ts";

serve(new AwsStandIn());
