//! The text of HTML and XML.

/// Returns the title of an HTML page, or `None` if it has none.
pub(super) fn title(page: &str) -> Option<&str> {
    let lower = page.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower.get(open..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find("</title")?;
    page.get(start..end).map(str::trim).filter(|title| !title.is_empty())
}

/// Returns the text between the tags, with single spaces.
pub(super) fn text(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let mut in_tag = false;
    for character in page.chars() {
        let is_space = character.is_whitespace() || (character == '>' && in_tag);
        match character {
            '<' => in_tag = true,
            '>' => in_tag = false,
            _ => {}
        }
        if is_space && !in_tag {
            if !text.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
        } else if !in_tag && character != '>' {
            text.push(character);
        }
    }
    text.truncate(text.trim_end().len());
    text
}
