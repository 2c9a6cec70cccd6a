/**
 * What the SDK and its host say to each other where nothing but JavaScript is there: each message is a name, a JSON text and a
 * list of byte strings (parcel.ts). A field is a whole number, a text, bytes, or what the table says.
 *
 * The Swift package `shared/client/ios` has the same names; test/ios/swift-names.test.ts holds it to these tables.
 */
export type ToHost = {
  /** answered by `timerFired` after `ms`, unless it is cancelled */
  readonly startTimer: { readonly timer: number; readonly ms: number }
  readonly cancelTimer: { readonly timer: number }
  /** answered by `socketOpened` or `socketFailed`, then any number of `socketMessage` and one `socketClosed` */
  readonly openSocket: { readonly socket: number; readonly url: string; readonly subprotocols: readonly string[] }
  readonly sendSocket: { readonly socket: number; readonly bytes: Uint8Array }
  readonly closeSocket: { readonly socket: number; readonly code: number }
  /** answered with {@link HttpReply} */
  readonly sendRequest: {
    readonly request: number
    readonly method: string
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: string | null
  }
  /** nobody waits for this request any more */
  readonly cancelRequest: { readonly request: number }
  /** answered with the bytes, or null if there are none */
  readonly vaultGet: { readonly request: number; readonly name: string }
  /** answered with null once it is durable */
  readonly vaultPut: { readonly request: number; readonly name: string; readonly value: Uint8Array }
  readonly vaultDelete: { readonly request: number; readonly name: string }
  /** answered with names */
  readonly vaultList: { readonly request: number; readonly prefix: string }
  /** answered with the user's OIDC token */
  readonly token: { readonly request: number }
  /** of the call `call`: answered with the sealed file of `content` */
  readonly sealShare: { readonly request: number; readonly call: number; readonly content: Uint8Array }
  /** of the call `call`: answered with null once the new backups are kept */
  readonly saveBackups: { readonly request: number; readonly call: number; readonly backups: unknown }
  /** of the call `call`: answered with true or false */
  readonly approveBatch: { readonly request: number; readonly call: number; readonly built: unknown }
  /** of the call `call`: answered with Apple's attestation of the app's key, and with its own assertion */
  readonly attestKey: { readonly request: number; readonly call: number; readonly clientDataHash: Uint8Array }
  readonly assertKey: { readonly request: number; readonly call: number; readonly clientDataHash: Uint8Array }
  readonly progress: { readonly step: string; readonly round: number | null }
  /** the end of a call: its result, or why there is none */
  readonly returned: { readonly call: number; readonly value: unknown }
  readonly threw: { readonly call: number; readonly error: HostError }
}

export type ToDevice = {
  /** a method of {@link METHODS} with its arguments by name */
  readonly call: { readonly call: number; readonly method: string; readonly given: Readonly<Record<string, unknown>> }
  /** to a request: its answer, or that there is none */
  readonly answer: { readonly request: number; readonly value: unknown }
  readonly refuse: { readonly request: number; readonly reason: string }
  readonly timerFired: { readonly timer: number }
  /** the subprotocol the server chose; empty for none */
  readonly socketOpened: { readonly socket: number; readonly subprotocol: string }
  readonly socketMessage: { readonly socket: number; readonly bytes: Uint8Array }
  readonly socketClosed: { readonly socket: number; readonly code: number; readonly reason: string }
  readonly socketFailed: { readonly socket: number }
}

export type HttpReply = { readonly status: number; readonly text: string }

/** A TandemError as the host gets it; `UNEXPECTED` for anything else. */
export type HostError = {
  readonly code: string
  readonly message: string
  readonly details: string | null
  readonly requestId: string | null
  readonly retryable: boolean
}

type Fields<Messages> = { readonly [Name in keyof Messages]: readonly (keyof Messages[Name] & string)[] }

export const TO_HOST: Fields<ToHost> = {
  startTimer: ['timer', 'ms'],
  cancelTimer: ['timer'],
  openSocket: ['socket', 'url', 'subprotocols'],
  sendSocket: ['socket', 'bytes'],
  closeSocket: ['socket', 'code'],
  sendRequest: ['request', 'method', 'url', 'headers', 'body'],
  cancelRequest: ['request'],
  vaultGet: ['request', 'name'],
  vaultPut: ['request', 'name', 'value'],
  vaultDelete: ['request', 'name'],
  vaultList: ['request', 'prefix'],
  token: ['request'],
  sealShare: ['request', 'call', 'content'],
  saveBackups: ['request', 'call', 'backups'],
  approveBatch: ['request', 'call', 'built'],
  attestKey: ['request', 'call', 'clientDataHash'],
  assertKey: ['request', 'call', 'clientDataHash'],
  progress: ['step', 'round'],
  returned: ['call', 'value'],
  threw: ['call', 'error'],
}

export const TO_DEVICE: Fields<ToDevice> = {
  call: ['call', 'method', 'given'],
  answer: ['request', 'value'],
  refuse: ['request', 'reason'],
  timerFired: ['timer'],
  socketOpened: ['socket', 'subprotocol'],
  socketMessage: ['socket', 'bytes'],
  socketClosed: ['socket', 'code', 'reason'],
  socketFailed: ['socket'],
}
