import {
  addPasskeyRequest,
  addPasskeyResponse,
  beginEnrolmentRequest,
  confirmEnrolmentRequest,
  enrolResponse,
  passkeyCreationOptions,
  passkeyRequestOptions,
  recoveryCodesResponse,
  secondFactorRequest,
  secondFactorResponse,
} from '@tandem/wire'
import { z } from 'zod'
import { always, type Served } from '../operation.ts'
import type { Operate } from '../routes.ts'

const tag = 'Second factor'
const method = 'POST'

export function twoFactorRoutes(operate: Operate): readonly Served[] {
  return [...totpRoutes(operate), ...passkeyRoutes(operate)]
}

function totpRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method: 'GET',
      path: '/api/v1/2fa',
      tag,
      summary: 'Which second factors the caller has.',
      response: secondFactorResponse,
      handle: ({ caller }, { endpoints }) => endpoints.readSecondFactor(caller),
    }),
    operate({
      method,
      path: '/api/v1/2fa/enrol',
      tag,
      summary: 'A TOTP secret, as text and QR code. It is in force once it is confirmed, within ten minutes.',
      body: beginEnrolmentRequest,
      response: enrolResponse,
      spends: always('2fa'),
      repeats: 'sealed answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.enrol(caller, body),
    }),
    operate({
      method,
      path: '/api/v1/2fa/confirm',
      tag,
      summary: 'Puts the TOTP secret in force. Answers recovery codes, which are shown this once.',
      body: confirmEnrolmentRequest,
      response: recoveryCodesResponse,
      spends: always('2fa'),
      repeats: 'sealed answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.confirmEnrolment(caller, body),
    }),
    operate({
      method,
      path: '/api/v1/2fa/recovery-codes',
      tag,
      summary: 'Ten new recovery codes in place of all there were.',
      body: secondFactorRequest,
      response: recoveryCodesResponse,
      spends: always('2fa'),
      repeats: 'sealed answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.replaceRecoveryCodes(caller, body),
    }),
    operate({
      method,
      path: '/api/v1/2fa/disable',
      tag,
      summary: 'Forgets TOTP, passkeys and recovery codes.',
      body: secondFactorRequest,
      response: secondFactorResponse,
      spends: always('2fa'),
      repeats: 'answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.disableSecondFactor(caller, body),
    }),
  ]
}

function passkeyRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method,
      path: '/api/v1/2fa/passkeys/registration-options',
      tag,
      summary: 'Options for creating a passkey, good for five minutes.',
      body: beginEnrolmentRequest,
      response: passkeyCreationOptions,
      spends: always('2fa'),
      handle: ({ caller, body }, { endpoints }) => endpoints.beginPasskey(caller, body),
    }),
    operate({
      method,
      path: '/api/v1/2fa/passkeys',
      tag,
      summary: 'Adds the passkey that was created. The first second factor comes with recovery codes.',
      body: addPasskeyRequest,
      response: addPasskeyResponse,
      status: 201,
      spends: always('2fa'),
      repeats: 'sealed answer',
      handle: ({ caller, body }, { endpoints }) => endpoints.addPasskey(caller, body),
    }),
    operate({
      method,
      path: '/api/v1/2fa/passkeys/assertion-options',
      tag,
      summary: 'A challenge for the caller’s passkeys; the answer to it is a twoFactorCode, once.',
      body: z.strictObject({}),
      response: passkeyRequestOptions,
      handle: ({ caller }, { endpoints }) => endpoints.challengePasskey(caller),
    }),
  ]
}
