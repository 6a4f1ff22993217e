//! The texts of the demo: scripts and sequences that other software bends, one of them longer than a push.

use std::path::Path;

use portico_wire::message::Body;

use crate::phone::CliError;
use crate::words;

/// The lines of `file`, or the demo's own texts. Every one can be sent as it is.
pub(super) fn load(file: Option<&Path>) -> Result<Vec<String>, CliError> {
    let Some(path) = file else { return Ok(own()) };
    let text = std::fs::read_to_string(path)
        .map_err(|fault| CliError::Input(format!("{}: {fault}", path.display())))?;
    let lines: Vec<String> = text.split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect();
    for (number, line) in lines.iter().enumerate() {
        Body::parse(line.as_str()).map_err(|refusal| {
            CliError::Input(format!("{}:{}: {}", path.display(), number + 1, words::refusal(&refusal)))
        })?;
    }
    if lines.len() < 4 {
        return Err(CliError::Input(format!("{}: the demo needs at least 4 lines", path.display())));
    }
    Ok(lines)
}

fn own() -> Vec<String> {
    let mut texts: Vec<String> = [
        "مرحباً، هل وصلت أوراق القضية رقم ٤٢؟",
        "明日の午前中に契約書をお送りします。よろしくお願いいたします。",
        "नमस्ते, क्या सुनवाई सोमवार को है?",
        "เอกสารครบแล้วค่ะ ส่งให้พรุ่งนี้",
        "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466} \u{1F469}\u{1F3FD}\u{200D}\u{2696}\u{FE0F} \u{1F1FA}\u{1F1F3} 1\u{FE0F}\u{20E3}",
        "e\u{301} is not \u{E9}, and \u{FB01} is not fi; \u{1D11E} stays \u{1D11E}.",
        "  spaces before, a CRLF\r\nand a tab\tinside, and spaces after  ",
        "https://example.com/?q=1&r=2  -- \"straight\" and \u{201C}curly\u{201D} quotes...",
        "שלום, הפגישה ב-\u{2067}12:30\u{2069} אושרה",
        "한국어와 中文 and ελληνικά in one line \u{1F4CE}",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("A long one. ".repeat(400) + "مع نهاية عربية");
    texts.push("I am on the train and will be ten minutes late.".to_owned());
    texts
}
