//! Countries: ISO 3166-1 codes, so that `US` and `USA` are the same country to a rule.

/// Alpha-2 and alpha-3 code of each country, written together; with `XK`/`XKX`, which is in wide use for Kosovo.
const CODES: &str = "ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO AQATA ARARG ASASM ATAUT AUAUS AWABW AXALA AZAZE BABIH BBBRB \
    BDBGD BEBEL BFBFA BGBGR BHBHR BIBDI BJBEN BLBLM BMBMU BNBRN BOBOL BQBES BRBRA BSBHS BTBTN BVBVT BWBWA BYBLR \
    BZBLZ CACAN CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK CLCHL CMCMR CNCHN COCOL CRCRI CUCUB CVCPV CWCUW CXCXR \
    CYCYP CZCZE DEDEU DJDJI DKDNK DMDMA DODOM DZDZA ECECU EEEST EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK \
    FMFSM FOFRO FRFRA GAGAB GBGBR GDGRD GEGEO GFGUF GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GSSGS \
    GTGTM GUGUM GWGNB GYGUY HKHKG HMHMD HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD IOIOT IQIRQ IRIRN \
    ISISL ITITA JEJEY JMJAM JOJOR JPJPN KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO \
    LBLBN LCLCA LILIE LKLKA LRLBR LSLSO LTLTU LULUX LVLVA LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD \
    MLMLI MMMMR MNMNG MOMAC MPMNP MQMTQ MRMRT MSMSR MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM NCNCL NENER \
    NFNFK NGNGA NINIC NLNLD NONOR NPNPL NRNRU NUNIU NZNZL OMOMN PAPAN PEPER PFPYF PGPNG PHPHL PKPAK PLPOL PMSPM \
    PNPCN PRPRI PSPSE PTPRT PWPLW PYPRY QAQAT REREU ROROU RSSRB RURUS RWRWA SASAU SBSLB SCSYC SDSDN SESWE SGSGP \
    SHSHN SISVN SJSJM SKSVK SLSLE SMSMR SNSEN SOSOM SRSUR SSSSD STSTP SVSLV SXSXM SYSYR SZSWZ TCTCA TDTCD TFATF \
    TGTGO THTHA TJTJK TKTKL TLTLS TMTKM TNTUN TOTON TRTUR TTTTO TVTUV TWTWN TZTZA UAUKR UGUGA UMUMI USUSA UYURY \
    UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR VNVNM VUVUT WFWLF WSWSM XKXKX YEYEM YTMYT ZAZAF ZMZMB ZWZWE";

/// The alpha-2 code of a country that is given by its alpha-2 or alpha-3 code in any case; `None` for anything else.
#[must_use]
pub fn alpha2(text: &str) -> Option<&'static str> {
    let text = text.trim();
    CODES.split(' ').find_map(|both| {
        let (two, three) = both.split_at(2);
        (text.eq_ignore_ascii_case(two) || text.eq_ignore_ascii_case(three)).then_some(two)
    })
}

/// The alpha-3 code that belongs to an alpha-2 code of this list.
#[must_use]
pub fn alpha3(text: &str) -> Option<&'static str> {
    let two = alpha2(text)?;
    CODES.split(' ').find_map(|both| both.strip_prefix(two).filter(|three| three.len() == 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_codes_name_the_same_country() {
        assert_eq!(CODES.split(' ').filter(|c| c.len() == 5).count(), CODES.split(' ').count());
        for (given, two, three) in
            [("US", "US", "USA"), ("usa", "US", "USA"), (" de ", "DE", "DEU"), ("AUT", "AT", "AUT")]
        {
            assert_eq!((alpha2(given), alpha3(given)), (Some(two), Some(three)), "{given}");
        }
        assert_eq!(alpha2("Germany"), None);
        assert_eq!(alpha2(""), None);
    }
}
