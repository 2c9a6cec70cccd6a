import { parseArgs } from 'node:util'
import { RecoverError } from './errors.ts'

/** What opens the device's backup. Asked for on the terminal if absent. */
export type KeyFile = { readonly kind: 'passphrase' | 'identity'; readonly path: string }

export type RecoverOptions = {
  readonly device: string
  readonly sigpair: string
  readonly recoveryKey: string
  readonly opensDevice: KeyFile | undefined
  /** the text to sign with the shares */
  readonly drill: string | undefined
  readonly out: { readonly path: string; readonly passwordFile: string | undefined } | undefined
}

export const HELP = `npm run recover -- --device FILE --sigpair FILE --recovery-key FILE [options]

Opens both backups of a key and says whether they belong together: its address, its epoch, and the verification hash of
Sigpair's backup. Works without any server and without a network. Prints no secret. Where a committee stands in Sigpair's
place it says, too, how many members there are, how many of their shares are needed, and which of them open.

  --device FILE            the device's backup, an age file
  --sigpair FILE           Sigpair's backup, or a committee's: JSON of the API or of an app, its encryptedData alone, or
                           the bytes: 16 528, of a committee 16 529 for each member
  --recovery-key FILE      the private half of the recovery key: 32 bytes, or 64 hex digits

  --passphrase-file FILE   opens the age file; its first line counts. Without it the passphrase is asked for
  --identity-file FILE     or an age identity (AGE-SECRET-KEY-1…)

  --drill                  also signs a text with the shares, which never meet, and checks it under the address
  --text TEXT              another text than the usual one
  --out FILE               writes the whole key as a JSON keystore, encrypted with a password: it is in one place then.
                           Never writes over a file
  --password-file FILE     the password of the keystore, its first line. Without it the password is asked for
  --help

Ends with 0 when all is well, 2 for a wrong command line, 3 for a backup that does not open or does not belong to the
other one, 1 for anything else.
`

const DRILL_TEXT = 'Tandem recovery drill: both halves are here.'

/** Undefined: the caller wants to read {@link HELP}. @throws {RecoverError} */
export function readOptions(args: readonly string[]): RecoverOptions | undefined {
  const values = parsed(args)
  if (values.help) return undefined
  const { out, text, drill } = values
  const passwordFile = values['password-file']
  if (text !== undefined && !drill) throw usage('--text is for --drill.')
  if (passwordFile !== undefined && out === undefined) throw usage('--password-file is for --out.')
  return {
    device: given(values.device, '--device'),
    sigpair: given(values.sigpair, '--sigpair'),
    recoveryKey: given(values['recovery-key'], '--recovery-key'),
    opensDevice: keyFileOf(values['passphrase-file'], values['identity-file']),
    drill: drill ? (text ?? DRILL_TEXT) : undefined,
    out: out === undefined ? undefined : { path: out, passwordFile },
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        device: { type: 'string' },
        sigpair: { type: 'string' },
        'recovery-key': { type: 'string' },
        'passphrase-file': { type: 'string' },
        'identity-file': { type: 'string' },
        drill: { type: 'boolean', default: false },
        text: { type: 'string' },
        out: { type: 'string' },
        'password-file': { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (cause) {
    throw usage(cause instanceof Error ? cause.message : 'This command line cannot be read.')
  }
}

function keyFileOf(passphrase: string | undefined, identity: string | undefined): KeyFile | undefined {
  if (passphrase !== undefined && identity !== undefined) throw usage('Either --passphrase-file or --identity-file.')
  if (passphrase !== undefined) return { kind: 'passphrase', path: passphrase }
  return identity === undefined ? undefined : { kind: 'identity', path: identity }
}

function given(value: string | undefined, flag: string): string {
  if (value === undefined || value === '') throw usage(`${flag} is missing.`)
  return value
}

function usage(message: string): RecoverError {
  return new RecoverError('usage', `${message} Try --help.`)
}
