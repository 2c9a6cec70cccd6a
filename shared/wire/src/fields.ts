import { z } from 'zod'

/** The strings of our JSON bodies. Hex is lower or upper case with 0x; binary is base64url without padding. */

/** `bytes` bytes as 0x-hex. */
export const hex = (bytes: number) =>
  z.string().regex(new RegExp(`^0x[0-9a-fA-F]{${bytes * 2}}$`), `0x and ${bytes * 2} hex digits`)

/** `bytes` bytes as base64url without padding. */
export const base64url = (bytes: number) =>
  z.string().regex(new RegExp(`^[A-Za-z0-9_-]{${Math.ceil((bytes * 4) / 3)}}$`), `${bytes} bytes as base64url`)

/** An account address; mixed case must carry a correct EIP-55 checksum, which the chain port checks. */
export const address = hex(20)

/** A non-negative integer below 2^256 as a decimal string: JSON numbers lose precision above 2^53. */
export const wei = z.string().regex(/^(0|[1-9][0-9]{0,77})$/, 'a decimal integer')

/** Names a key: 32 bytes. */
export const keyIdField = hex(32)

export const profileIdField = z.string().regex(/^prf_[A-Za-z0-9_-]{22}$/, 'a profile id')
export const sessionIdField = z.string().regex(/^ses_[A-Za-z0-9_-]{22}$/, 'a session id')

export const exportIdField = z.string().regex(/^exp_[A-Za-z0-9_-]{22}$/, 'an export id')
export const restoreIdField = z.string().regex(/^rst_[A-Za-z0-9_-]{22}$/, 'a restore id')
export const backupIdField = z.string().regex(/^bak_[A-Za-z0-9_-]{22}$/, 'a backup id')

/** ek: the public half of the owner's recovery key, a point; it opens nothing. */
export const recoveryKeyField = z
  .string()
  .regex(/^0x0[23][0-9a-fA-F]{64}$/, 'a public recovery key, never its private half')

/** W3C Trace Context, version 00. */
export const traceparent = z.string().regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/, 'a traceparent')

/** BIP-32 path below the wallet's root, non-hardened. */
export const pathField = z.array(z.int().min(0).max(0x7fffffff)).max(10)
