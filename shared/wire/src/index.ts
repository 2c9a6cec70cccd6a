export {
  type ClientShare,
  type CloudPublicKeyResponse,
  type CommitReceipt,
  type CreateProfileRequest,
  type CreateProfileResponse,
  clientShare,
  cloudPublicKeyResponse,
  commitReceipt,
  createProfileRequest,
  createProfileResponse,
  type DeviceKey,
  deviceKey,
  type Intent,
  intent,
  type KeyStatus,
  keyStatus,
  type PrepareTransactionRequest,
  type PrepareTransactionResponse,
  type ProfileResponse,
  type ProfilesResponse,
  prepareTransactionRequest,
  prepareTransactionResponse,
  profileResponse,
  profilesResponse,
  type RenameProfileRequest,
  renameProfileRequest,
  type SignMessageRequest,
  type SignMessageResponse,
  type SignRequest,
  type SignResponse,
  signMessageRequest,
  signMessageResponse,
  signRequest,
  signResponse,
  type TicketOperation,
  type TicketRequest,
  type TicketResponse,
  type TransactionResponse,
  ticketOperation,
  ticketRequest,
  ticketResponse,
  transactionResponse,
  transactionStatus,
} from './api.ts'
export { canonicalJson, certificateBytes, fromUtf8, intentBytes, utf8 } from './canonical.ts'
export {
  CONTROL,
  type ControlName,
  type Done,
  done,
  type Hello,
  type HelloAnswer,
  hello,
  helloAnswer,
} from './dialogue.ts'
export { fromBase64url, fromHex, toBase64url, toHex } from './encoding.ts'
export { ERRORS, type ErrorCode, errorOfClose, isErrorCode, type Problem, toProblem, WireError } from './errors.ts'
export { address, base64url, hex, keyIdField, pathField, profileIdField, sessionIdField, wei } from './fields.ts'
export {
  type CommitKeyRequest,
  type CommitKeyResponse,
  type CompleteSessionRequest,
  type CompleteSessionResponse,
  commitKeyRequest,
  commitKeyResponse,
  completeSessionRequest,
  completeSessionResponse,
  type KeyStatusResponse,
  keyStatusResponse,
  type PrepareSessionRequest,
  type PrepareSessionResponse,
  prepareSessionRequest,
  prepareSessionResponse,
} from './internal.ts'
export * as limits from './limits.ts'
export { type TicketClaims, ticketClaims } from './tickets.ts'
export { type UnsignedTx, unsignedTx } from './transaction.ts'
export { certifyExchangeKey, type DeviceCertificate, isCertified } from './device-certificate.ts'
export {
  decodeFrame,
  encodeFrame,
  FRAME_PROTOCOLS,
  type Frame,
  type FrameProtocol,
  HEADER_BYTES,
  SUITE_NAME,
  SUITE_NUMBER,
} from './frame.ts'
export {
  type Accepted,
  acceptHandshake,
  type DeviceHandshake,
  type Introduction,
  MAX_ANSWER_BYTES,
  MAX_HELLO_BYTES,
  type Operation,
  type SigpairHandshake,
  startHandshake,
} from './handshake.ts'
export { type Dh, type KeyPair, nobleDh } from './noise.ts'
export type { SecureChannel } from './secure-channel.ts'
