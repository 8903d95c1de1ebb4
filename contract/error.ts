/** The one error class: a stable `code` for programs, a sentence for people, and whether trying again can help. */
export class HeadwaterError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  /** Further lines for people, such as every problem of a configuration. */
  readonly details: readonly string[];

  constructor(
    code: string,
    message: string,
    options: { retryable?: boolean; cause?: unknown; details?: readonly string[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HeadwaterError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? [];
  }
}
