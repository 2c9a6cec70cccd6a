import type { FirestoreClient } from '@google-cloud/firestore-api'
import { StoreError } from './errors.ts'

export type Connection = {
  readonly projectId: string
  readonly databaseId: string
  /** host:port of an emulator, without TLS and credentials */
  readonly emulatorHost: string | undefined
  /** how long one call may take */
  readonly callMs: number
}

export const databaseOf = ({ projectId, databaseId }: Connection) => `projects/${projectId}/databases/${databaseId}`

/**
 * Google's generated client, loaded on the way: 200 ms and 45 MB that a process with another engine does not pay.
 *
 * Not `@google-cloud/firestore`: that one sends a commit again, for up to ten minutes, when it does not know what became
 * of the first. A create would meet its own document, and a transaction happen twice.
 *
 * @throws {StoreError} UNAVAILABLE without credentials
 */
export async function connect(connection: Connection): Promise<FirestoreClient> {
  const { FirestoreClient: Client } = await import('@google-cloud/firestore-api')
  const { projectId, emulatorHost } = connection
  const client = new Client({ projectId, ...(emulatorHost !== undefined && (await plain(emulatorHost))) })
  try {
    // Here and not at the first call, which would throw this error at nobody
    await client.initialize()
    return client
  } catch (cause) {
    throw new StoreError('UNAVAILABLE', `cannot connect to ${databaseOf(connection)}`, { cause })
  }
}

async function plain(emulatorHost: string) {
  const { credentials } = await import('@grpc/grpc-js')
  const { hostname, port } = new URL(`http://${emulatorHost}`)
  // With the domain given nobody looks for credentials, on this machine or at Google's metadata server
  const clientOptions = { universeDomain: 'googleapis.com' }
  return { apiEndpoint: hostname, port: Number(port), sslCreds: credentials.createInsecure(), clientOptions }
}

/** For one call: its deadline, and nothing is sent a second time. The client writes into it: never use it twice. */
export function callOptions(connection: Connection) {
  const headers: Record<string, string> = { 'google-cloud-resource-prefix': databaseOf(connection) }
  // The emulator's word for an administrator: its rules are for apps
  if (connection.emulatorHost !== undefined) headers['authorization'] = 'Bearer owner'
  return {
    timeout: connection.callMs,
    retry: null,
    retryRequestOptions: { retries: 0, noResponseRetries: 0 },
    otherArgs: { headers },
  }
}
