/** How the command ends. */
export const EXIT = {
  done: 0,
  /** something that is not the caller's fault */
  failed: 1,
  /** the command line is not of the documented form */
  usage: 2,
  /** a file is missing, damaged, does not open, or does not belong to the others */
  input: 3,
} as const

/** What went wrong, in a sentence for the owner of the key. Never names a secret. */
export class RecoverError extends Error {
  override readonly name = 'RecoverError'
  readonly exit: (typeof EXIT)['usage' | 'input']

  constructor(exit: 'usage' | 'input', message: string, cause?: unknown) {
    super(message, { cause })
    this.exit = EXIT[exit]
  }
}
