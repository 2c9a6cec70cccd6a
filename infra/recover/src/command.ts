import { TandemError } from '@tandem/client'
import { type Backend, noble } from '@tandem/ecdsa'
import { EXIT, RecoverError } from './errors.ts'
import { HELP, readOptions } from './options.ts'
import { recover } from './recover.ts'

/** Where lines go: `say` for what was asked for, `complain` for what went wrong. */
export type Lines = { readonly say: (line: string) => void; readonly complain: (line: string) => void }

/** @returns how the process ends, one of {@link EXIT} */
export async function command(
  args: readonly string[],
  { say, complain }: Lines,
  backend: Backend = noble,
): Promise<number> {
  try {
    const options = readOptions(args)
    if (options === undefined) say(HELP)
    else await recover(backend, options, say)
    return EXIT.done
  } catch (error) {
    complain(error instanceof Error ? error.message : 'Something failed.')
    return exitOf(error)
  }
}

function exitOf(error: unknown): number {
  if (error instanceof RecoverError) return error.exit
  return error instanceof TandemError && error.code === 'BACKUP' ? EXIT.input : EXIT.failed
}
