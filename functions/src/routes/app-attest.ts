import {
  appAttestChallengeRequest,
  appAttestChallengeResponse,
  assertDeviceRequest,
  attestDeviceRequest,
  attestedDeviceResponse,
} from '@tandem/wire'
import { always, type Served } from '../operation.ts'
import type { Operate } from '../routes.ts'

const tag = 'App Attest'
const method = 'POST'

export function appAttestRoutes(operate: Operate): readonly Served[] {
  return [
    operate({
      method,
      path: '/api/v1/app-attest/challenges',
      tag,
      summary: 'A challenge for the app on this device, good for one answer within five minutes.',
      body: appAttestChallengeRequest,
      response: appAttestChallengeResponse,
      spends: always('key-tickets'),
      handle: ({ caller, body }, { endpoints }) => endpoints.challengeDevice(caller, body),
    }),
    operate({
      method,
      path: '/api/v1/app-attest/attestations',
      tag,
      summary: 'Apple’s word for the app: a key of the app’s speaks for the device’s key from now on.',
      body: attestDeviceRequest,
      response: attestedDeviceResponse,
      handle: ({ caller, body }, { endpoints }) => endpoints.attestDevice(caller, body),
    }),
    operate({
      method,
      path: '/api/v1/app-attest/assertions',
      tag,
      summary: 'The app that was attested for this device is still there: thirty days more.',
      body: assertDeviceRequest,
      response: attestedDeviceResponse,
      handle: ({ caller, body }, { endpoints }) => endpoints.assertDevice(caller, body),
    }),
  ]
}
