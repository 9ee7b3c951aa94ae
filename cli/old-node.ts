/** The oldest Node that runs this package, as `engines` in package.json has it. */
export const OLDEST = [22, 12] as const;

/** Why this runtime cannot run the command, and what to do; undefined when it can. Bun is judged by the Node that it stands for. */
export function oldNode({ node }: { readonly node: string }): string | undefined {
  const [major = 0, minor = 0] = node.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return undefined;
  return (
    `portreeve: this is Node ${node}, and it needs ${OLDEST.join(".")} or later\n` +
    '    fix: install a newer Node, or let npm bring one for this call: npx -p node@24 -c "portreeve …"'
  );
}
