/**
 * Encryption: blocks that only a holder of the secret can read or write.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { failure, isFunction, isObject } from "../util/errors.ts";

const ALGORITHM = "aes-256-gcm";
const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** How much longer an encrypted text is, in bytes. */
export const CIPHER_OVERHEAD = NONCE_LENGTH + TAG_LENGTH;

/** How long the salt of a file is, in bytes. */
const SALT_LENGTH = 16;

/** A key for one file. */
export class Cipher {
  readonly #key: Buffer;
  /** Stands in the head of the file: the key is made of it and of the secret. */
  readonly salt: Buffer;

  private constructor(key: Buffer, salt: Buffer) {
    this.#key = key;
    this.salt = salt;
  }

  /** Makes the key of a secret. That takes some 50 ms, on another thread. */
  static async of(secret: string, salt: Buffer = randomBytes(SALT_LENGTH)): Promise<Cipher> {
    const key = await new Promise<Buffer>((resolve, reject) =>
      scrypt(secret, salt, KEY_LENGTH, (error, key) => error ? reject(error) : resolve(key))
    );
    return new Cipher(key, salt);
  }

  /** Returns `plain` encrypted. It can only be decrypted with the same `place`. */
  encrypt(plain: Uint8Array, place: string): Buffer {
    // Random: a block may be written again in the place of one that a crash has torn.
    const nonce = randomBytes(NONCE_LENGTH);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce);
    cipher.setAAD(Buffer.from(place));
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** Returns the plain text, or `undefined` if the key is another one, or anything was altered. */
  decrypt(encrypted: Uint8Array, place: string): Buffer | undefined {
    if (encrypted.length < CIPHER_OVERHEAD) return undefined;
    const end = encrypted.length - TAG_LENGTH;
    const nonce = encrypted.subarray(0, NONCE_LENGTH);
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_LENGTH });
    decipher.setAAD(Buffer.from(place));
    decipher.setAuthTag(encrypted.subarray(end));
    try {
      return Buffer.concat([
        decipher.update(encrypted.subarray(NONCE_LENGTH, end)),
        decipher.final(),
      ]);
    } catch {
      return undefined;
    }
  }
}

const RULE = "secret must be a string that is not empty, or an array of such strings; " +
  "leave it out for a file that is not encrypted";

/** The options of a file that may be encrypted. */
export interface EncryptionOptions {
  readonly secret?: string | readonly string[];
  readonly plain?: boolean;
}

/** What encrypts a file, and which files may be read. */
export interface Secrets {
  /** The first one encrypts, and all of them decrypt; none for a file that is not encrypted. */
  readonly secrets: readonly string[];
  /** Whether a file that is not encrypted is read too. */
  readonly isPlainRead: boolean;
}

/**
 * Reads the options `secret` and `plain`. A secret that is there but `undefined`
 * is refused: a variable of the environment may be missing.
 *
 * @throws {TypeError} If they are anything else. The message does not show a secret.
 */
export function readSecrets(cannot: string, options: EncryptionOptions): Secrets {
  const isEncrypted = "secret" in options;
  const { plain = false } = options;
  if (typeof plain !== "boolean") {
    throw invalidSecret(cannot, "plain must be true or false", kindOf(plain));
  }
  if (plain && !isEncrypted) {
    throw invalidSecret(cannot, "plain needs a secret beside it", "undefined");
  }
  const secrets = isEncrypted ? checkedSecrets(cannot, options.secret) : [];
  return { secrets, isPlainRead: plain || !isEncrypted };
}

function checkedSecrets(cannot: string, secret: unknown): readonly string[] {
  const secrets: unknown[] = Array.isArray(secret) ? [...secret] : [secret];
  const bad = secrets.findIndex((one) => typeof one !== "string" || one === "");
  if (secrets.length > 0 && bad < 0) return secrets as string[];
  const received = secrets.length === 0
    ? "an empty array"
    : `${Array.isArray(secret) ? "an array with " : ""}${kindOf(secrets[bad])}`;
  throw invalidSecret(cannot, RULE, received);
}

function invalidSecret(cannot: string, rule: string, received: string): Error {
  return failure(
    TypeError,
    "ERR_LEMBRO_OPTION",
    `Cannot ${cannot}: ${rule}: received ${received}`,
  );
}

/** What `value` is, without showing it: somebody may have mistyped a secret. */
function kindOf(value: unknown): string {
  if (value === "") return "an empty string";
  if (value === null || value === undefined) return String(value);
  if (isFunction(value)) return "a function";
  return isObject(value) ? "an object" : `a ${typeof value}`;
}
