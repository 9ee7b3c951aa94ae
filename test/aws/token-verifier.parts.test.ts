import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { part } from "../toolchain/parts.ts";
import { type TokenExpectation, tokenRefusal } from "./token-verifier.ts";

/** AWS's signer in another language, which shares no code with the ones that the proxy uses. */
const SIGN = `
import json, sys
import botocore.session
from botocore.signers import RequestSigner
from botocore.model import ServiceId
given = json.loads(sys.argv[1])
session = botocore.session.Session()
session.set_credentials(given["id"], given["secret"], given.get("sessionToken"))
rds = session.create_client("rds", region_name=given["region"])
database = rds.generate_db_auth_token(given["host"], given["port"], given["user"], given["region"])
signer = RequestSigner(ServiceId("elasticache"), given["region"], "elasticache", "v4",
                       session.get_credentials(), session.get_component("event_emitter"))
def cache(**more):
    url = "http://" + given["cache"] + "/?" + "&".join(k + "=" + v for k, v in {"Action": "connect", "User": given["user"], **more}.items())
    request = {"method": "GET", "url": url, "body": {}, "headers": {}, "context": {}}
    return signer.generate_presigned_url(request, operation_name="connect", expires_in=900)[len("http://"):]
print(json.dumps([database, cache(), cache(ResourceType="ServerlessCache")]))
`;

test.each([
  ["long-lived keys", { id: "AKIDLONG", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" }],
  ["a session", { id: "ASIATEMP", secret: "temporary", sessionToken: "IQoJb3JpZ2luX2VjE//+a=b&c==" }],
])("tokens that botocore signs with %s are good, and are refused for another user", async (_, key) => {
  const given = {
    ...key,
    region: "eu-central-1",
    host: "db.example.com",
    port: 5432,
    user: "app",
    cache: "sessions",
  };
  // botocore comes with the AWS emulator.
  const site = join(dirname((await part("moto")).path), "../site");
  const env = { ...process.env, PYTHONPATH: site, PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await promisify(execFile)("python3", ["-c", SIGN, JSON.stringify(given)], { env });
  const [database = "", cache = "", serverless = ""] = JSON.parse(stdout) as string[];
  const expected: TokenExpectation = {
    service: "rds-db",
    host: "db.example.com:5432",
    region: given.region,
    user: "app",
    now: Date.now(),
    keys: new Map([[key.id, key]]),
  };
  const redis = { ...expected, service: "elasticache", host: "sessions" } as const;
  expect(tokenRefusal(database, expected)).toBeUndefined();
  expect(tokenRefusal(cache, redis)).toBeUndefined();
  expect(tokenRefusal(serverless, { ...redis, serverless: true })).toBeUndefined();
  expect(tokenRefusal(database, { ...expected, user: "root" })).toBe("a token of app");
  expect(tokenRefusal(cache, { ...redis, now: Date.now() + 1_000_000 })).toBe("expired");
});
