/** Camera and microphone of this computer: opening them, how loud it is, and what can go wrong. */

/** Without the filters of telephone calls, which bend the measures of a voice. */
const WISHES = {
  video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 } },
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
};
const QUIETEST = -60; // decibels below full scale, shown as nothing

/** Why nothing can be recorded here at all; null if it can. @returns {string | null} */
export function hindrance() {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
    return (
      `A browser lends its camera only to pages that come over https or from localhost; ` +
      `this one comes from ${window.location.origin}. Open the notebook on this computer ` +
      `(http://localhost:8888), or over https.`
    );
  }
  if (typeof MediaRecorder === "undefined") {
    return "This browser cannot record (it has no MediaRecorder). Use a current Firefox, Chrome, Edge or Safari.";
  }
  return null;
}

/** @type {Record<string, string>} by the name of the browser's error */
const TROUBLES = {
  NotAllowedError:
    "Camera or microphone was refused. Allow both for this page, at the symbol beside its " +
    "address or in the system's privacy settings, and try again.",
  SecurityError:
    "This page may not use the camera; the browser's or the school's settings forbid it.",
  NotReadableError:
    "Camera or microphone is in use by another program. Close it (a video call?) and try again.",
  AbortError: "The camera could not be started. Unplug it, plug it in again, and try again.",
  OverconstrainedError: "This camera offers no picture that can be used. Try another one.",
};
TROUBLES.PermissionDeniedError = TROUBLES.NotAllowedError; // as older browsers call it
TROUBLES.TrackStartError = TROUBLES.NotReadableError;

/** Say in plain words what went wrong. @param {unknown} error */
export async function troubleOf(error) {
  const { name, message } = /** @type {DOMException} */ (error);
  if (name === "NotFoundError" || name === "DevicesNotFoundError") return await whatIsMissing();
  return TROUBLES[name] ?? `The camera could not be opened (${name}: ${message}).`;
}

async function whatIsMissing() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const has = (/** @type {string} */ kind) => devices.some((device) => device.kind === kind);
  const missing = ["camera", "microphone"].filter((_, i) => !has(i ? "audioinput" : "videoinput"));
  return `No ${missing.join(" and no ") || "camera and microphone"} was found. Plug one in and try again.`;
}

/** An open camera with its microphone. */
export class Camera {
  #sound = new AudioContext();
  #analyser = this.#sound.createAnalyser();
  #samples = new Float32Array(this.#analyser.fftSize);

  /** @param {MediaStream} stream */
  constructor(stream) {
    this.stream = stream;
    this.#sound.createMediaStreamSource(stream).connect(this.#analyser);
  }

  /** Ask for camera and microphone; whoever sits there may refuse. */
  static async open() {
    return new Camera(await navigator.mediaDevices.getUserMedia(WISHES));
  }

  /** Call back when a device goes away. @param {() => void} gone */
  onLoss(gone) {
    for (const track of this.stream.getTracks()) track.addEventListener("ended", gone);
  }

  /** How loud it is now, from 0 to 1. */
  level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, x) => sum + x * x, 0) / this.#samples.length;
    const decibels = 10 * Math.log10(power + 1e-12);
    return Math.min(Math.max(1 - decibels / QUIETEST, 0), 1);
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    this.#sound.close();
  }
}
