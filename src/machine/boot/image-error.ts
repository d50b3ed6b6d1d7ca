/** What is wrong with an image, for programs. The message says the same for people. */
export type ImageErrorCode =
  /** No loader knows the first bytes. */
  | 'unknown-format'
  /** A known format whose variant or request cannot be served. */
  | 'unsupported'
  /** A structure or segment goes past the end of the file. */
  | 'truncated'
  /** A field contradicts the format's specification. */
  | 'malformed'
  /** Does not fit into RAM, or into the part of it that the format allows. */
  | 'too-large'
  /** Asks for an address that is not RAM. */
  | 'outside-ram'
  /** Two parts ask for the same bytes. */
  | 'overlap'
  /** The caller has to say more, such as the address of a flat binary. */
  | 'needs-choice';

export interface ImageErrorDetail {
  readonly code: ImageErrorCode;
  /** What the file holds: a statement with numbers. */
  readonly found: string;
  /** What would have been accepted. */
  readonly accepted: string;
  /** What the user can do. */
  readonly advice?: string;
}

/** A file that cannot be booted. The only exception that the loaders throw for bad input. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly code: ImageErrorCode;
  readonly found: string;
  readonly accepted: string;
  readonly advice: string | undefined;

  constructor(detail: ImageErrorDetail) {
    const advice = detail.advice === undefined ? '' : ` ${detail.advice}`;
    super(`${detail.found}. Accepted: ${detail.accepted}.${advice}`);
    this.code = detail.code;
    this.found = detail.found;
    this.accepted = detail.accepted;
    this.advice = detail.advice;
  }
}

/** Hexadecimal as messages write it: 0x1000. */
export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
