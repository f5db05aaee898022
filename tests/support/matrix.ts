/** Whether all is to be tried that there is, and not what five minutes allow. */
export const isAll = Deno.env.get("LEMBRO_RUNTIMES") === "all";
