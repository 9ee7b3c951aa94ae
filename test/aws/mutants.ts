import type { IamDocument, IamStatement } from "../../policy/compile/aws/objects.ts";

/** A document with one thing changed, for tests that must notice it. */
export interface Mutant {
  readonly what: string;
  readonly document: IamDocument;
}

function* changed(
  document: IamDocument,
  change: (statement: IamStatement) => Iterable<{ what: string; statement: IamStatement | undefined }>,
): Generator<Mutant> {
  for (const [index, one] of document.Statement.entries()) {
    for (const { what, statement } of change(one)) {
      const Statement = document.Statement.flatMap((other, at) => (at === index ? (statement ?? []) : other));
      yield { what: `${one.Sid}: ${what}`, document: { ...document, Statement } };
    }
  }
}

/** Each condition taken out, and each of its values replaced by one that matches nothing. */
export function conditionMutants(document: IamDocument): Generator<Mutant> {
  return changed(document, function* (statement) {
    for (const [operator, keys] of Object.entries(statement.Condition ?? {})) {
      for (const key of Object.keys(keys)) {
        for (const value of [undefined, key === "aws:CurrentTime" ? "2000-01-01T00:00:00Z" : "nobody"]) {
          const { [key]: _, ...others } = keys;
          const left = value === undefined ? others : { ...others, [key]: value };
          const { [operator]: __, ...rest } = statement.Condition ?? {};
          const Condition = Object.keys(left).length === 0 ? rest : { ...rest, [operator]: left };
          yield {
            what: `${key} ${value === undefined ? "left out" : "changed"}`,
            statement: { ...statement, Condition },
          };
        }
      }
    }
  });
}

/** Each action taken out. */
export function actionMutants(document: IamDocument): Generator<Mutant> {
  return changed(document, function* (statement) {
    for (const action of statement.Action) {
      const Action = statement.Action.filter((other) => other !== action);
      const what = `${action} left out`;
      yield { what, statement: Action.length === 0 ? undefined : { ...statement, Action } };
    }
  });
}

/** Each resource with one part of its ARN open to anything. */
export function* resourceMutants(
  document: IamDocument,
): Generator<Mutant & { readonly resource: string; readonly part: number }> {
  for (const resource of document.Statement.flatMap((statement) => statement.Resource ?? [])) {
    for (const part of namedParts(resource)) {
      const open = withPart(resource, part, "*");
      const Statement = document.Statement.map((statement) => ({
        ...statement,
        ...(statement.Resource && {
          Resource: statement.Resource.map((other) => (other === resource ? open : other)),
        }),
      }));
      yield { what: `${resource} as ${open}`, document: { ...document, Statement }, resource, part };
    }
  }
}

const SEPARATOR = /([:/])/;

/** Where an ARN names one of many: region, account and what stands behind the type of the resource. */
function namedParts(arn: string): number[] {
  const [region, account, type] = [6, 8, 10];
  return arn.split(SEPARATOR).flatMap((text, index) => {
    const names = index === region || index === account || index > type;
    const exact = !SEPARATOR.test(text) && text !== "" && !/[*?]/.test(text);
    return names && exact ? [index] : [];
  });
}

/** The ARN with one of its parts replaced. */
export function withPart(arn: string, part: number, text: string): string {
  return arn
    .split(SEPARATOR)
    .map((old, index) => (index === part ? text : old))
    .join("");
}
