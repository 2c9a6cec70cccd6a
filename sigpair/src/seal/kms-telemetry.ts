import { isTelemetryOn, span, timed } from '@tandem/service'
import type { Kms } from './kms.ts'

/** The same KMS, each call a span where it is part of one, and measured. Off, it is the KMS itself. */
export function watchKms(kms: Kms): Kms {
  if (!isTelemetryOn()) return kms
  const seen = <T>(method: string, call: () => Promise<T>): Promise<T> => {
    const name = `google.cloud.kms.v1.KeyManagementService/${method}`
    const attributes = { 'rpc.system.name': 'grpc', 'rpc.method': name }
    return span({ name, kind: 'client', attributes }, async () => timed('rpc.client.call.duration', attributes, call))
  }
  return {
    wrap: async (key, aad) => seen('Encrypt', async () => kms.wrap(key, aad)),
    unwrap: async (wrapped, kek, aad) => seen('Decrypt', async () => kms.unwrap(wrapped, kek, aad)),
    sign: async (version, digest) => seen('AsymmetricSign', async () => kms.sign(version, digest)),
    publicKey: async (version) => seen('GetPublicKey', async () => kms.publicKey(version)),
    close: async () => kms.close(),
  }
}
