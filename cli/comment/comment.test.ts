/** Against a stand-in for both APIs on loopback. Not proven here: that the real APIs agree with it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { APP_TOKEN, type FakeForge, startFakeForge, TOKEN } from "../../test/comment/fake-forge.ts";
import { commentBody, markerLine } from "./body.ts";
import { comment } from "./comment.ts";
import { findTarget, type Target } from "./target.ts";

let forge: FakeForge;
let waited: number[];
beforeEach(async () => {
  forge = await startFakeForge();
  waited = [];
});
afterEach(() => forge.close());

const MARKER = markerLine("access");
const target = (provider: "github" | "gitlab", token = TOKEN): Target =>
  provider === "github"
    ? { provider, repo: "shop/infra", number: 7, api: forge.origin, token }
    : { provider, repo: "42", number: 7, api: `${forge.origin}/api/v4`, token };
const write = (to: Target, text: string, isWorthIt = true) =>
  comment(to, MARKER, `${MARKER}${text}`, isWorthIt, async (time) => {
    waited.push(time);
  });

describe.each(["github", "gitlab"] as const)("on %s", (provider) => {
  it("one comment is written, then kept up to date, and left alone when nothing differs", async () => {
    expect((await write(target(provider), "one")).done).toBe("created");
    expect((await write(target(provider), "two")).done).toBe("updated");
    expect((await write(target(provider), "two")).done).toBe("unchanged");
    expect(forge.comments).toEqual([{ id: 1000, author: "alice", body: `${MARKER}two` }]);
  });

  it("it is found on a later page, and another's comment with the marker is left alone", async () => {
    forge.comments.push(
      { id: 1, author: "mallory", body: `${MARKER}not ours` },
      { id: 2, author: "alice", body: `quoting ${MARKER} is not enough` },
      ...Array.from({ length: 250 }, (_, n) => ({ id: 10 + n, author: "bob", body: "lgtm" })),
      { id: 900, author: "alice", body: `${MARKER}old` },
    );
    expect((await write(target(provider), "new")).done).toBe("updated");
    expect(forge.comments.filter(({ body }) => body.startsWith(MARKER)).map(({ body }) => body)).toEqual([
      `${MARKER}not ours`,
      `${MARKER}new`,
    ]);
  });

  it("none is begun when there is nothing to tell, and one that is there is brought up to date", async () => {
    expect((await write(target(provider), "no access change", false)).done).toBe("nothing to tell");
    expect(forge.comments).toEqual([]);
    await write(target(provider), "a change");
    expect((await write(target(provider), "no access change", false)).done).toBe("updated");
  });

  it("trouble that passes is waited for, as long as the API says", async () => {
    forge.troubles.push(
      { method: "GET", status: 502 },
      { method: "GET", status: 429, headers: { "retry-after": "7" } },
      { method: "POST", status: 429, headers: { "retry-after": "3" } },
    );
    expect((await write(target(provider), "one")).done).toBe("created");
    expect(waited).toEqual([1000, 7000, 3000]);
  });

  it("a comment that was written although the API failed is not written twice", async () => {
    forge.troubles.push({ method: "POST", status: 500, after: true });
    expect((await write(target(provider), "one")).done).toBe("unchanged");
    expect(forge.comments).toHaveLength(1);
  });

  it("an API that stays down, or a wait that is too long, is told as such, without the token", async () => {
    for (let n = 0; n < 5; n++) forge.troubles.push({ method: "GET", status: 503 });
    await expect(write(target(provider), "one")).rejects.toThrow(/answered 503; try again later$/);
    forge.troubles.length = 0;
    forge.troubles.push({ method: "GET", status: 429, headers: { "retry-after": "3600" } });
    await expect(write(target(provider), "one")).rejects.toThrow(
      /its rate limit is reached; try again later/,
    );
    await expect(write(target(provider, "wrong"), "one")).rejects.toThrow(/401/);
    await expect(write(target(provider, "wrong"), "one")).rejects.not.toThrow(/wrong/);
  });

  it("a comment that is deleted between search and change is written anew", async () => {
    await write(target(provider), "one");
    forge.troubles.push({ method: provider === "github" ? "PATCH" : "PUT", status: 404 });
    expect((await write(target(provider), "two")).done).toBe("updated");
  });
});

describe("GitHub", () => {
  it("is called with the paths, headers and bodies that its API documents", async () => {
    await write(target("github"), "one");
    expect(forge.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /user",
      "GET /repos/shop/infra/issues/7/comments?per_page=100&page=1",
      "POST /repos/shop/infra/issues/7/comments",
    ]);
    expect(forge.calls[2]).toMatchObject({
      headers: {
        authorization: `Bearer ${TOKEN}`,
        accept: "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
      },
      body: { body: `${MARKER}one` },
    });
  });

  it("tells by GraphQL whose token an app's is, and takes its own comments alone", async () => {
    forge.comments.push({ id: 1, author: "github-actions", body: `${MARKER}of a person with that name` });
    await write(target("github", APP_TOKEN), "one");
    expect((await write(target("github", APP_TOKEN), "two")).done).toBe("updated");
    expect(forge.comments.map(({ author }) => author)).toEqual(["github-actions", "github-actions[bot]"]);
  });

  it("says which permission is missing, and that a limit is no refusal", async () => {
    forge.troubles.push({ method: "POST", status: 403 });
    await expect(write(target("github"), "one")).rejects.toThrow(/pull-requests: write/);
    forge.troubles.push({ method: "POST", status: 403, headers: { "retry-after": "1" } });
    expect((await write(target("github"), "one")).done).toBe("created");
  });
});

describe("where to comment", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "portreeve-comment-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const env = (event: object, more: Record<string, string> = {}) => {
    writeFileSync(join(dir, "event.json"), JSON.stringify(event));
    return {
      GITHUB_REPOSITORY: "shop/infra",
      GITHUB_TOKEN: "t",
      GITHUB_EVENT_PATH: join(dir, "event.json"),
      ...more,
    };
  };

  it("is what the event says; an option comes first", () => {
    expect(findTarget({}, env({ number: 7, pull_request: { number: 7 } }))).toEqual({
      provider: "github",
      repo: "shop/infra",
      number: 7,
      api: "https://api.github.com",
      token: "t",
    });
    expect(findTarget({}, env({ issue: { number: 8, pull_request: {} } })).number).toBe(8);
    expect(findTarget({ pr: "9" }, env({})).number).toBe(9);
    expect(findTarget({}, env({}, { GITHUB_REF: "refs/pull/10/merge" })).number).toBe(10);
    expect(() => findTarget({}, env({ issue: { number: 8 } }))).toThrow(/for no pull request; give --pr/);
  });

  it("is GitLab's merge request in its CI", () => {
    const ci = {
      GITLAB_CI: "true",
      CI_PROJECT_ID: "42",
      CI_MERGE_REQUEST_IID: "7",
      CI_API_V4_URL: "https://git.example.com/api/v4",
      GITLAB_TOKEN: "t",
    };
    expect(findTarget({}, ci)).toMatchObject({
      provider: "gitlab",
      repo: "42",
      number: 7,
      api: "https://git.example.com/api/v4",
    });
    expect(() => findTarget({}, { ...ci, GITLAB_TOKEN: "" })).toThrow(
      /set GITLAB_TOKEN .*CI_JOB_TOKEN may not/,
    );
  });

  it.each([
    [{ repo: "../x/y" }, {}, /is not OWNER\/NAME/],
    [{ pr: "0" }, {}, /is not a number/],
    [{}, { GITHUB_TOKEN: "" }, /set GITHUB_TOKEN/],
    [{}, { GITHUB_API_URL: "http://api.example.com" }, /must begin with https/],
  ])("%o with %o is refused", (options, more, message) => {
    expect(() => findTarget(options, env({ pull_request: { number: 7 } }, more))).toThrow(message);
  });
});

describe("the comment's text", () => {
  it("is cut at a line under the limit, and no fold is left open", () => {
    const long = `### Changes\n\n<details><summary>x</summary>\n\n${"- a line\n".repeat(10_000)}\n</details>\n`;
    const body = commentBody(MARKER, long, 5_000);
    expect(body.length).toBeLessThan(5_000);
    expect(body).toMatch(/- a line\n<\/details>\n\n…cut, as it does not fit into a comment\.\n$/);
    expect(commentBody(MARKER, "short", 5_000)).toBe(`${MARKER}short`);
  });

  it.each(["--> <b>", "a--b", "", "a b", "x".repeat(65)])("has no marker %j", (marker) => {
    expect(() => markerLine(marker)).toThrow(/--marker/);
  });
});
