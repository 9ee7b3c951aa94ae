/** Proves what is mended and that nothing else is touched; what a mended set then means is for the tests of lint. */
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NOW, TRUST } from "../../test/lint/breaches.ts";
import { fixFiles } from "./files.ts";
import { fixTexts } from "./fix.ts";

const trust = { name: "trust.yaml", text: TRUST };
const fixed = (text: string): string => fixTexts([{ name: "p.yaml", text }, trust], NOW).texts[0]?.text ?? "";
const service = (spec: string) =>
  `apiVersion: portreeve.dev/v1\nkind: Service\nmetadata: { name: db }\nspec: { protocol: tcp, hosts: [db.example.com], ports: [5432], ${spec} }\n`;
const grant = (cidrs: string) =>
  `${service("location: { type: external }, exportTo: [shop]")}---\napiVersion: portreeve.dev/v1\nkind: Grant\nmetadata: { name: g }\nspec: { owner: shop, from: { cidrs: ${cidrs} }, to: { service: db } }\n`;

describe("lint --fix", () => {
  it.each([
    ["an address block with host bits", "[10.1.2.3/16]", "[10.1.0.0/16]"],
    ["one in quotes, which stay", `['10.1.2.3/16', "fd00::1/64"]`, `['10.1.0.0/16', "fd00::/64"]`],
    ["an address without a prefix length", "[10.1.2.3, fd00::7]", "[10.1.2.3/32, fd00::7/128]"],
    ["what a list says twice", "[10.1.0.0/16,   10.1.0.0/16 , 10.2.0.0/16]", "[10.1.0.0/16,   10.2.0.0/16]"],
    ["what it says twice only after mending", "[10.1.2.3/16, 10.1.0.0/16]", "[10.1.0.0/16]"],
  ])("mends %s", (_, before, after) => {
    expect(fixed(grant(before))).toBe(grant(after));
  });

  it.each([
    ["`exportTo: *`", "location: { type: external }, exportTo: ['*']", "location: { type: external }"],
    [
      "`*` among others",
      'location: { type: external }, exportTo: [shop, "*"]',
      "location: { type: external }, exportTo: [shop]",
    ],
  ])("removes %s", (_, before, after) => {
    expect(fixed(service(before))).toBe(service(after));
  });

  it("puts in quotes what was meant as text, digit by digit", () => {
    const text = (version: string, account: string) =>
      TRUST.replaceAll('"1.31"', version).replace(
        "name: use1,",
        `name: use1, eks: { name: a, region: us-east-1, account: ${account} },`,
      );
    const result = fixTexts([{ name: "t.yaml", text: text("1.30", "012345678901") }], NOW);
    expect(result.texts[0]?.text).toBe(text('"1.30"', '"012345678901"'));
    expect(result.mended.map(({ line, what }) => `${line} ${what}`)).toContain(
      "7 012345678901 is now text, in quotes",
    );
  });

  it.each([
    ["a wrong protocol", service("location: { type: external }").replace("protocol: tcp", "protocol: tpc")],
    ["an address block nobody can read", grant("[10.1.2.3/99]")],
    ["a list with a comment between its entries", grant("[10.0.0.0/16, # office\n  10.0.0.0/16]")],
    ["an anchor that something else needs", grant("[&a 10.0.0.0/16, &b 10.0.0.0/16, *b]")],
    ["what cannot be parsed", "spec: [1.2.3.4/8,"],
  ])("leaves %s as it is", (_, text) => {
    expect(fixed(text)).toBe(text);
  });
});

/** A line as written and as it is to be: `undefined` when it is to go. */
interface Line {
  readonly before: string;
  readonly after: string | undefined;
}
const same = (before: string): Line => ({ before, after: before });

const comment = fc.stringMatching(/^[ -~äß→]{0,20}$/).map((text) => `# ${text}`);
const gap = fc.stringMatching(/^ {1,4}$/);
/** Lines that mean nothing to a policy. */
const noise = fc.array(
  fc.oneof(
    fc.constant(same("")),
    comment.map((text) => same(`      ${text}`)),
  ),
  { maxLength: 2 },
);
const trailing = fc.option(
  fc.tuple(gap, comment).map((parts) => parts.join("")),
  { nil: "" },
);
const quote = fc.constantFrom("", "'", '"');
const entry = fc
  .record({
    a: fc.integer({ min: 1, max: 250 }),
    host: fc.integer({ min: 0, max: 255 }),
    end: trailing,
    dash: gap,
    q: quote,
  })
  .map(({ a, host, end, dash, q }): Line => {
    const line = (cidr: string) => `      -${dash}${q}${cidr}${q}${end}`;
    return { before: line(`10.${a}.7.${host}/24`), after: line(`10.${a}.7.0/24`) };
  });
const exportTo = fc
  .tuple(
    gap,
    quote.filter((q) => q !== ""),
    trailing,
  )
  .map(([space, q, end]): Line => ({ before: `  exportTo:${space}[${q}*${q}]${end}`, after: undefined }));

/** A Service and a Grant in block style, with flaws whose mended line is known, between noise. */
const file = fc
  .tuple(
    noise,
    noise,
    fc.option(exportTo, { nil: undefined }),
    fc.array(fc.tuple(noise, entry), { minLength: 1, maxLength: 5 }),
    trailing,
  )
  .map(([one, two, star, entries, end]): Line[] => {
    const seen = new Set<string>();
    const cidrs = entries.flatMap(([between, line]) => {
      const value = /10\.[\d.]+\/24/.exec(line.after ?? "")?.[0] ?? "";
      const known = seen.has(value);
      seen.add(value);
      return [...between, known ? { ...line, after: undefined } : line];
    });
    return [
      ...["apiVersion: portreeve.dev/v1", "kind: Service", "metadata: { name: db }", `spec:${end}`].map(same),
      ...["  protocol: tcp", "  hosts: [db.example.com]", "  ports: [5432]"].map(same),
      ...(star ? [star] : []),
      ...one,
      ...["  location: { type: external }", "---", "apiVersion: portreeve.dev/v1", "kind: Grant"].map(same),
      ...[
        "metadata: { name: g }",
        "spec:",
        "  owner: shop",
        "  to: { service: db }",
        "  from:",
        "    cidrs:",
      ].map(same),
      ...cidrs,
      ...two,
    ];
  });

describe("whatever the comments and the form", () => {
  const joined = (lines: readonly (string | undefined)[], eol: string) =>
    lines
      .filter((line) => line !== undefined)
      .map((line) => line + eol)
      .join("");

  it("mended lines are as they should be, all others byte for byte as they were; and once is enough", () => {
    fc.assert(
      fc.property(file, fc.constantFrom("\n", "\r\n"), (lines, eol) => {
        const result = fixed(
          joined(
            lines.map(({ before }) => before),
            eol,
          ),
        );
        expect(result).toBe(
          joined(
            lines.map(({ after }) => after),
            eol,
          ),
        );
        expect(fixed(result)).toBe(result);
      }),
      { numRuns: 300 },
    );
  });
});

describe("the files of lint --fix", () => {
  it("are replaced as a whole: mode, byte order mark and links stay, and nothing is left beside them", () => {
    const folder = mkdtempSync(join(tmpdir(), "portreeve-fix-"));
    try {
      const [real, link] = [join(folder, "real.txt"), join(folder, "p.yaml")];
      writeFileSync(join(folder, "trust.yaml"), TRUST);
      writeFileSync(real, `\uFEFF${grant("[10.1.2.3/16]")}`);
      chmodSync(real, 0o640);
      symlinkSync(real, link);
      const trustBefore = statSync(join(folder, "trust.yaml")).mtimeMs;
      expect(fixFiles([folder], NOW)).toEqual([
        { file: link, line: 9, what: "10.1.2.3/16 is now 10.1.0.0/16" },
      ]);
      expect(readFileSync(real, "utf8")).toBe(`\uFEFF${grant("[10.1.0.0/16]")}`);
      expect(statSync(real).mode & 0o777).toBe(0o640);
      expect(statSync(join(folder, "trust.yaml")).mtimeMs).toBe(trustBefore);
      expect(readdirSync(folder).sort()).toEqual(["p.yaml", "real.txt", "trust.yaml"]);
      expect(fixFiles([folder], NOW)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
