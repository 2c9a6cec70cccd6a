import { servedIn, WIRE_VERSIONS } from '@tandem/wire'
import { TandemError } from './errors.ts'

/** What can be done about a server of other versions. @param details as the server worded them */
export function versionError(
  details: string,
  { requestId, spoken = WIRE_VERSIONS }: { readonly requestId?: string; readonly spoken?: readonly number[] } = {},
): TandemError {
  const served = servedIn(details)
  const serverIsOlder = served.length > 0 && Math.max(...served) < Math.max(...spoken)
  const advice = serverIsOlder
    ? 'The server is older than this app; its operator must update it.'
    : 'This app and the server speak different versions; update the app.'
  return new TandemError('VERSION_UNSUPPORTED', advice, {
    ...(served.length === 0 ? {} : { details }),
    ...(requestId === undefined ? {} : { requestId }),
  })
}
