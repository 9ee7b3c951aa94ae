/** One case of a JUnit report; with `failure`, its text, it has failed. */
export interface JunitCase {
  readonly name: string;
  readonly className: string;
  readonly failure?: string;
}

/** A report in the XML of JUnit that CI servers read. */
export function junit(suite: string, cases: readonly JunitCase[]): string {
  const failures = cases.filter(({ failure }) => failure !== undefined).length;
  const lines = cases.map(({ name, className, failure }) => {
    const head = `    <testcase name="${xml(name)}" classname="${xml(className)}"`;
    if (failure === undefined) return `${head}/>`;
    const [message = ""] = failure.split("\n");
    return `${head}>\n      <failure message="${xml(message)}">${xml(failure)}</failure>\n    </testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${cases.length}" failures="${failures}">`,
    `  <testsuite name="${xml(suite)}" tests="${cases.length}" failures="${failures}">`,
    ...lines,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Escaped, and without the control characters that XML cannot hold. */
function xml(text: string): string {
  return text.replace(/(?![\t\n\r])\p{Cc}/gu, "\ufffd").replace(/[&<>"]/g, (c) => ENTITIES[c] ?? c);
}
