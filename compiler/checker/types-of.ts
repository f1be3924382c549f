/**
 * `Types` by a type checker of TypeScript 6: the compiler's own, or an editor's.
 */
import { SymbolFlags, type ts } from "ts-morph";
import type { Types } from "./checker.js";

export type TypeChecker = ts.TypeChecker;

export const typesOf = (checker: TypeChecker): Types => ({
  typeName: expression => checker.getTypeAtLocation(expression).getSymbol()?.name,
  propertyTexts(expression, property) {
    const symbol = checker.getPropertyOfType(checker.getTypeAtLocation(expression), property);
    const type = symbol && checker.getTypeOfSymbolAtLocation(symbol, expression);
    if (!type) return undefined;
    const texts = membersOf(type).flatMap(member => textOf(checker, member));
    return texts.length || type === checker.getNeverType() ? texts : undefined;
  },
  parameterTexts(call, index) {
    const parameter = checker.getResolvedSignature(call)?.parameters[index];
    if (!parameter) return undefined;
    const members = membersOf(checker.getTypeOfSymbolAtLocation(parameter, call));
    return members.flatMap(member => (member.isStringLiteral() ? [member.value] : []));
  },
  parameterNames: callee =>
    checker
      .getTypeAtLocation(callee)
      .getCallSignatures()[0]
      ?.parameters.map(parameter => parameter.name),
  expectedProperties(record) {
    const type = checker.getContextualType(record);
    return type ? membersOf(type).map(member => member.getProperties().map(property => property.name)) : [];
  },
  variablesAt(node) {
    const file = node.getSourceFile();
    return checker
      .getSymbolsInScope(node, SymbolFlags.Variable)
      .filter(symbol => symbol.declarations?.some(declaration => declaration.getSourceFile() === file))
      .map(symbol => symbol.name);
  },
});

const membersOf = (type: ts.Type): readonly ts.Type[] => (type.isUnion() ? type.types : [type]);

function textOf(checker: TypeChecker, type: ts.Type): readonly string[] {
  if (type.isStringLiteral()) return [type.value];
  const printed = checker.typeToString(type);
  return printed.startsWith("`") ? [printed.slice(1, -1)] : [];
}
