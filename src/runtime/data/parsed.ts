import type { Kind } from "./classify.ts";
import { isHarmlessFunction, isRepeatableFunction, isSystemTable } from "./functions.ts";
import type { Parse } from "./grammar.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Nodes that compute, and those that name what they read. Whatever is missing here proves nothing. */
const READS = new Set(
  `A_ArrayExpr A_Const A_Expr A_Indices A_Indirection A_Star Alias BitString BoolExpr Boolean BooleanTest CaseExpr
  CaseWhen CoalesceExpr CollateClause ColumnDef ColumnRef CommonTableExpr Float FuncCall GroupingFunc GroupingSet
  Integer JoinExpr List MinMaxExpr NamedArgExpr Null NullTest ParamRef RangeFunction RangeSubselect RangeVar ResTarget
  RowExpr SQLValueFunction SelectStmt SortBy String SubLink TypeCast TypeName WindowDef WithClause`.split(/\s+/),
);
const WRITES = new Set(["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"]);
const PARTS_OF_WRITES = new Set(["SetToDefault", "MultiAssignRef", "InferClause", "IndexElem", "MergeWhenClause"]);

/** What one text does, by PostgreSQL's own grammar. Several statements, and what does not parse, are unknown. */
export function kindOfText(text: string, parse: Parse): Kind {
  let statements: unknown;
  try {
    ({ stmts: statements } = parse(text) as { stmts?: unknown });
  } catch {
    return "unknown"; // the server will say what is wrong with it
  }
  if (!Array.isArray(statements) || statements.length !== 1) return "unknown";
  const { stmt } = statements[0] as { stmt: Fields };
  const [root = ""] = Object.keys(stmt);
  if (root !== "SelectStmt" && !WRITES.has(root)) return "unknown";
  if (consistsOf(stmt, isPartOfRead)) return "read";
  // Of a select, a common table expression may write.
  return !consistsOf(stmt, isNoWrite) && consistsOf(stmt, isPartOfWrite) ? "write" : "unknown";
}

type Judge = (node: string, fields: Fields) => boolean;

const isPartOfRead: Judge = (node, fields) => {
  if (node === "FuncCall") return isHarmlessFunction(functionName(fields));
  return READS.has(node) && readsWhatAllShare(node, fields);
};

const isNoWrite: Judge = (node) => !WRITES.has(node);

const isPartOfWrite: Judge = (node, fields) => {
  if (node === "FuncCall") return isRepeatableFunction(functionName(fields));
  if (WRITES.has(node) || PARTS_OF_WRITES.has(node)) return true;
  return READS.has(node) && readsWhatAllShare(node, fields);
};

/** No lock is taken, no table made, and no table read that tells about the server itself. */
function readsWhatAllShare(node: string, fields: Fields): boolean {
  switch (node) {
    case "SelectStmt":
      return fields.lockingClause === undefined && fields.intoClause === undefined;
    case "RangeVar":
      return !isSystemTable(fields.schemaname as string | undefined, String(fields.relname));
    case "A_Expr": // an operator named with its schema may be anybody's
      return (fields.name as unknown[] | undefined)?.length === 1;
    default:
      return true;
  }
}

/** Nodes are objects of one field, which is their name with a capital; the fields inside begin with a small letter. */
function consistsOf(value: unknown, judge: Judge): boolean {
  if (Array.isArray(value)) return value.every((item) => consistsOf(item, judge));
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([name, inner]) => {
    if (/^[A-Z]/.test(name) && !judge(name, inner as Fields)) return false;
    if (UNWRAPPED.has(name) && !judge(UNWRAPPED.get(name) ?? "", inner as Fields)) return false;
    return consistsOf(inner, judge);
  });
}

/** Fields whose node stands without its name. */
const UNWRAPPED: ReadonlyMap<string, string> = new Map([
  ["larg", "SelectStmt"],
  ["rarg", "SelectStmt"],
  ["relation", "RangeVar"],
]);

function functionName({ funcname }: Fields): string {
  const parts = (funcname as { String?: { sval?: string } }[]).map(({ String: part }) => part?.sval ?? "");
  if (parts.length === 2 && parts[0] === "pg_catalog") return parts[1] ?? "";
  return parts.length === 1 ? (parts[0] ?? "") : "";
}
