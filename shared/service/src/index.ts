export { type AppleSignIn, appleIssuer } from './apple-issuer.ts'
export { atMost } from './at-most.ts'
export { answerError, toWireError } from './answer.ts'
export { type NodeRequest, readBody } from './body.ts'
export { callHttp, errorOfAnswer, type HttpAnswer, type HttpCall, NoAnswer } from './call.ts'
export {
  type Diagnosable,
  diagnose,
  type DiagnosedDatabase,
  printDiagnosis,
  requirePresent,
} from './diagnostics/diagnose.ts'
export { lastWarnings } from './diagnostics/warnings.ts'
export { createDrain, type Drain, onTermination } from './drain.ts'
export { ConfigError, type Env, envFlag, envJson, envList, envPort, envUrl, readConfig } from './env.ts'
export { healthRoutes } from './health.ts'
export { type Handler, handle, type HandleDeps } from './http.ts'
export { idempotent } from './idempotency.ts'
export { parseJson } from './json.ts'
export { type TrustedKeys, trustKeys } from './jws.ts'
export { createLog, type Log, type LogLevel, traceFields } from './log.ts'
export { isLoopback, modeVariables, type Refusal, refuseLocal, refusePlain, requireMode } from './mode.ts'
export { type Caller, type Issuer, oidcClaims, oidcVerifier } from './oidc.ts'
export { spend, spendToken } from './once.ts'
export { type Allowance, allowanceHeaders, type Bucket, spendAllowance } from './rate-limit.ts'
export { type Answer, type Call, type Endpoint, type Incoming, type Method, type Route, route } from './routes.ts'
export { closeAfter, listen, type Serving } from './server.ts'
export {
  googleIdentity,
  type IdentityChoice,
  identityVariables,
  noIdentity,
  type ServiceIdentity,
  serviceIdentity,
} from './service-identity.ts'
export {
  bearerToken,
  issueServiceToken,
  type ServiceCall,
  type ServiceClaims,
  serviceClaims,
  verifyServiceToken,
} from './service-token.ts'
export { createSigningKey, loadOrCreateSigningKey, type PublicJwk, publicJwk, type SigningKey } from './signing-keys.ts'
export {
  databaseVariable,
  neededBy,
  projectOf,
  refuseEmulator,
  storeConfig,
  type StoreChoice,
  type StorePlace,
  storeVariables,
} from './store-config.ts'
export { sweepEvery } from './sweep.ts'
export { issueTicket, type TicketGrant, verifyTicket } from './tickets.ts'
export type { Attributes } from './telemetry/attributes.ts'
export { readTelemetryConfig, type TelemetryConfig } from './telemetry/config.ts'
export { inScope, inThisScope, traceparentHeader } from './telemetry/scope.ts'
export { startTelemetry, type Telemetry } from './telemetry/start.ts'
export { watchStore } from './telemetry/store.ts'
export { count, entrySpan, isTelemetryOn, measure, type Span, span, timed } from './telemetry/telemetry.ts'
export { readTraceparent, type TraceContext, writeTraceparent } from './telemetry/trace-context.ts'
