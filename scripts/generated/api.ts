import { join } from "node:path";
import {
  Application,
  type DeclarationReflection,
  type ProjectReflection,
  ReflectionKind,
  type SignatureReflection,
} from "typedoc";

const root = join(import.meta.dirname, "../..");

/** Reads the public entry points and what they export, with types and comments. */
export async function readApi(): Promise<{ app: Application; project: ProjectReflection }> {
  const app = await Application.bootstrap({
    name: "Portreeve",
    entryPoints: ["components", "policy", "testing"].map((entry) => join(root, entry, "index.ts")),
    tsconfig: join(root, "tsconfig.build.json"),
    basePath: root,
    readme: "none",
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    excludeExternals: true,
    // Errors of the compiler are the type check's business, which looks at every file.
    skipErrorChecking: true,
    logLevel: "Warn",
    validation: { notExported: false, invalidLink: true, notDocumented: false, rewrittenLink: true },
  });
  const project = await app.convert();
  if (!project) throw new Error("the public API cannot be read: see the errors above");
  return { app, project };
}

/**
 * Names of exports without a docstring, and of members that exported classes and interfaces declare themselves.
 *
 * Fields of policy objects are not asked for here: they are documented in the schema, from which docs/reference is made, and a
 * test there asks for each.
 */
export function undocumented(project: ProjectReflection): string[] {
  return (project.children ?? []).flatMap((entry) => (entry.children ?? []).flatMap(missing)).sort();
}

/** What is inherited, or re-exported from where it is documented, is asked for there. */
function missing(reflection: DeclarationReflection): string[] {
  const members = reflection.kindOf(ReflectionKind.ClassOrInterface) ? (reflection.children ?? []) : [];
  const own = members.filter(({ inheritedFrom, flags }) => !inheritedFrom && !flags.isExternal);
  const named = hasComment(reflection) ? [] : [reflection.getFullName()];
  return [...named, ...own.flatMap(missing)];
}

function hasComment(reflection: DeclarationReflection): boolean {
  if (reflection.kindOf([ReflectionKind.Reference, ReflectionKind.Constructor])) return true;
  const signatures: SignatureReflection[] = [...(reflection.signatures ?? [])];
  if (reflection.getSignature) signatures.push(reflection.getSignature);
  return reflection.hasComment() || signatures.some((signature) => signature.hasComment());
}
