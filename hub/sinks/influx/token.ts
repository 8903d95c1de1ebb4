/** Whether a text is one line that can stand in a header, as a token must; HTTP clients refuse others with a message that quotes them. */
export const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text);
