import { Secret, TOTP } from 'otpauth'
import { renderSVG } from 'uqr'

/** What otpauth and uqr compute for us. Loaded when somebody enrols or sends a code. */

const PERIOD_SECONDS = 30

/** Clocks of phones are off by less than a step; RFC 6238, 5.2 advises one. */
const WINDOW = 1

/** What an authenticator app needs to know. */
export type TotpLabel = { readonly otpauthUrl: string; readonly secret: string; readonly qrCode: string }

/** @param account what the app shows beside the code */
export function totpLabel(secret: Uint8Array, account: string): TotpLabel {
  const totp = totpOf(secret, account)
  const otpauthUrl = totp.toString()
  const svg = renderSVG(otpauthUrl, { ecc: 'M', border: 4 })
  const qrCode = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`
  return { otpauthUrl, secret: totp.secret.base32, qrCode }
}

/**
 * @param lastStep time step of the last code accepted
 * @param nowMs ms since 1970
 * @returns the time step `code` is of; undefined if it is of none near now, or of one that is used up
 */
export function stepOfCode(secret: Uint8Array, code: string, lastStep: number, nowMs: number): number | undefined {
  // otpauth throws for what has six characters and other than six bytes.
  if (!/^[0-9]{6}$/.test(code)) return undefined
  const delta = totpOf(secret, '').validate({ token: code, timestamp: nowMs, window: WINDOW })
  if (delta === null) return undefined
  const step = Math.floor(nowMs / 1000 / PERIOD_SECONDS) + delta
  return step > lastStep ? step : undefined
}

function totpOf(secret: Uint8Array, label: string): TOTP {
  const bytes = Uint8Array.from(secret)
  return new TOTP({
    issuer: 'Tandem',
    label,
    secret: new Secret({ buffer: bytes.buffer }),
    algorithm: 'SHA1',
    digits: 6,
    period: PERIOD_SECONDS,
  })
}
