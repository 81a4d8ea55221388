/** Names and errors come from other machines: what is shown of them neither moves a cursor, colours a screen, ends a line nor turns the direction of text. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
