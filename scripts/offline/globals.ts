/**
 * Finds what dnt would rewrite in a module: it puts `globalThis` in the place of
 * `window`, and an object of its own in the place of `globalThis`, except where
 * a property of it is read by a name that is written out.
 *
 * @module
 */
import ts from "typescript";

/** Where dnt would rewrite a global, as `name in line n`; `undefined` if nowhere. */
export function rewrittenGlobal(text: string): string | undefined {
  const source = ts.createSourceFile("module.ts", text, ts.ScriptTarget.Latest, true);
  const lineOf = (position: number) => source.getLineAndCharacterOfPosition(position).line;
  const declared = new Set<string>();
  const found: ts.Identifier[] = [];
  (function visit(node: ts.Node) {
    if (ts.isIdentifier(node) && /^(window|globalThis)$/.test(node.text)) {
      if (isDeclared(node)) declared.add(node.text);
      else if (isReference(node) && isRewritten(node)) found.push(node);
    }
    ts.forEachChild(node, visit);
  })(source);

  const ignored = ignoredLines(text, lineOf);
  const first = found.find((node) => {
    const isOwn = node.text === "window" && declared.has("window");
    return !isOwn && !ignored.has(lineOf(node.getStart()));
  });
  return first && `${first.text} in line ${lineOf(first.getStart()) + 1}`;
}

/** The lines on which a token follows the comment `dnt-shim-ignore`. */
function ignoredLines(text: string, lineOf: (position: number) => number): Set<number> {
  const lines = new Set<number>();
  for (const { index, 0: comment } of text.matchAll(/\/[/*]\s*(dnt|deno)-shim-ignore[^\n]*/gi)) {
    const end = comment.startsWith("/*") ? text.indexOf("*/", index) + 2 : index + comment.length;
    lines.add(lineOf(end + text.slice(end).search(/\S|$/)));
  }
  return lines;
}

/** Whether the name is that of a variable, a parameter, a function, a class or an import. */
function isDeclared(node: ts.Identifier): boolean {
  const { parent } = node;
  return (ts.isVariableDeclaration(parent) || ts.isParameter(parent) ||
    ts.isBindingElement(parent) || ts.isFunctionDeclaration(parent) ||
    ts.isFunctionExpression(parent) || ts.isClassDeclaration(parent) ||
    ts.isClassExpression(parent) || ts.isInterfaceDeclaration(parent) ||
    ts.isImportClause(parent) || ts.isImportSpecifier(parent)) && parent.name === node;
}

/** Whether the name is looked up in the scope: the `window` of `a.window` and `{ window: 1 }` is not. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isBindingElement(parent)) return parent.propertyName !== node;
  const isMember = ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) || ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent) || ts.isAccessor(parent) || ts.isEnumMember(parent);
  return !(isMember && parent.name === node);
}

/** Whether dnt, without shims, puts something else in the place of the global. */
function isRewritten(node: ts.Identifier): boolean {
  if (node.text === "window") return true;
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return false;
  if (ts.isElementAccessExpression(parent) && parent.expression === node) {
    return !ts.isStringLiteral(parent.argumentExpression);
  }
  // A type such as `globalThis.Map`, but not `typeof globalThis`.
  return !ts.isQualifiedName(parent);
}
