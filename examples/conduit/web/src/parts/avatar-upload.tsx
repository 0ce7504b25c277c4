import type { TargetedEvent } from "preact";
import { uploadImage } from "../api/conduit.ts";
import { ApiError } from "../api/error.ts";
import { useSend } from "../state/send.ts";
import { changedUser } from "../state/session.ts";
import { Avatar } from "./avatar.tsx";
import { ErrorMessages } from "./errors.tsx";

interface AvatarUploadProps {
  readonly image: string;
  /** Told the address under which the API keeps the new picture. */
  readonly uploaded: (image: string) => void;
  readonly disabled: boolean;
}

/** Sends a picture from the user's device as soon as it is chosen. */
export function AvatarUpload({ image, uploaded, disabled }: AvatarUploadProps) {
  const { sending, error, send, fail } = useSend();
  const choose = (event: TargetedEvent<HTMLInputElement>) => {
    const input = event.currentTarget;
    const file = input.files?.[0];
    // The same file can be chosen again after a failure.
    const forget = () => {
      input.value = "";
    };
    if (!file) return;
    if (!file.type.startsWith("image/")) {
      forget();
      fail(new ApiError("refused", 0, [`image “${file.name}” is not a picture`]));
      return;
    }
    void send(async () => {
      const user = await uploadImage(file);
      changedUser(user);
      uploaded(user.image ?? "");
    }).then(forget);
  };
  return (
    <div class="form-group avatar-upload">
      <Avatar class="user-img" image={image} />
      <div>
        <label for="field-avatar">Picture from a file</label>
        <input
          id="field-avatar"
          type="file"
          name="avatar"
          accept="image/png,image/jpeg,image/gif,image/webp"
          disabled={disabled || sending}
          onChange={choose}
        />
        <small class="hint" role="status">
          {sending ? "Uploading…" : "It is saved as soon as you choose it."}
        </small>
        <ErrorMessages error={error} />
      </div>
    </div>
  );
}
