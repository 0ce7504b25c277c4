import { notebookCheck } from "./notebook.ts";

// biome-ignore lint/style/noDefaultExport: a check file
export default notebookCheck;
