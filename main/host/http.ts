/** Answers as every route gives them: JSON, failures, and the headers that no answer may lack. */
import { type Failure, MAX_BODY_BYTES, statusOf } from '../../contract/index.ts';
import { failureOf } from '../failures.ts';

export const CONTENT_SECURITY_POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; connect-src 'self'";

const SECURITY_HEADERS = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=(), hid=()',
} as const;

/** May be kept for ever: the URL names a hash or a revision. */
export const IMMUTABLE = 'private, max-age=31536000, immutable';
/** May be kept, and is asked for again with its ETag. */
export const REVALIDATE = 'private, no-cache';

/** Adds what no answer may lack. */
export function secured(response: Response): Response {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value);
  if (!response.headers.has('cache-control')) response.headers.set('cache-control', 'no-store');
  return response;
}

export function failureResponse(error: unknown, status?: number): Response {
  const failure: Failure = failureOf(error);
  return Response.json(failure, { status: status ?? statusOf(failure.code) });
}

/** Body of a request as JSON; an empty one is `{}`. Undefined is never returned. */
export async function readJsonBody(request: Request): Promise<{ value: unknown } | { refused: Response }> {
  const refuse = (status: number, message: string): { refused: Response } => ({
    refused: Response.json({ code: 'bad-input', message } satisfies Failure, { status }),
  });
  // A form of another site can send text/plain without a preflight, never this type.
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) {
    return refuse(415, 'The body must be application/json.');
  }
  const tooLarge = `The body is larger than ${MAX_BODY_BYTES} bytes.`;
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY_BYTES) return refuse(413, tooLarge);
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  if (request.body !== null) {
    const reader = request.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      sizeBytes += value.byteLength;
      if (sizeBytes > MAX_BODY_BYTES) {
        await reader.cancel();
        return refuse(413, tooLarge);
      }
      chunks.push(value);
    }
  }
  if (sizeBytes === 0) return { value: {} };
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))) };
  } catch (error) {
    return refuse(400, `The body is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
}
