/** Log settings as JSON has them → as the messages have them, each in the field of its type. */
import type { LogSettingsRequest_SettingValue as SettingValue } from "./gen/messages.js";

export const settingValues = (
  settings: Readonly<Record<string, boolean | number | string>>,
): Readonly<Record<string, SettingValue>> =>
  Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      key,
      typeof value === "boolean"
        ? { bool_param: value }
        : typeof value === "number"
          ? { uint32_param: value }
          : { string_param: value },
    ]),
  );
